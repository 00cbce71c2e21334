#include "lib/access/delivery_order.h"

#include "lib/ipc/attr.h"

namespace relais {

namespace {

Result<Attributes> whole_list(std::string_view bytes) {
    auto parsed = parse_attributes(bytes);
    if (parsed.status != AttrParse::Status::kComplete || parsed.length != bytes.size()) {
        return fail(Errc::kSyntax, "malformed list");
    }
    return std::move(parsed.attributes);
}

void write_recipient(AttrWriter& out, const DeliveryRecipient& recipient) {
    const WorkerIdentity& who = recipient.identity;
    // Strangers choose the folder, and names that they may find: any bytes at all.
    out.data("user", who.user)
        .data("home", who.home)
        .data("mail", who.mail)
        .data("folder", recipient.folder)
        .number("rules", static_cast<std::int64_t>(who.quota_rules.size()));
    for (const std::string& rule : who.quota_rules) {
        out.data("rule", rule);
    }
}

DeliveryRecipient read_recipient(AttrReader& in) {
    DeliveryRecipient recipient;
    WorkerIdentity& who = recipient.identity;
    who.user = in.data("user");
    who.home = in.data("home");
    who.mail = in.data("mail");
    recipient.folder = in.data("folder");
    std::uint32_t rules = in.number("rules");
    for (std::uint32_t i = 0; i < rules && !in.failed(); ++i) {
        who.quota_rules.push_back(in.data("rule"));
    }
    return recipient;
}

}  // namespace

std::string DeliveryOrder::serialize() const {
    AttrWriter out;
    out.number("number", number)
        .number("check_only", check_only ? 1 : 0)
        .long_number("size", size)
        .long_number("wire_size", wire_size);
    for (const DeliveryRecipient& recipient : recipients) {
        write_recipient(out, recipient);
    }
    return out.end().take();
}

Result<DeliveryOrder> DeliveryOrder::parse(std::string_view bytes) {
    auto list = whole_list(bytes);
    if (!list) {
        return fail_with(list);
    }
    AttrReader in(*list);
    DeliveryOrder order;
    order.number = in.number("number");
    order.check_only = in.number("check_only") != 0;
    order.size = in.long_number("size");
    order.wire_size = in.long_number("wire_size");
    while (!in.at_end() && !in.failed()) {
        order.recipients.push_back(read_recipient(in));
    }
    if (in.failed()) {
        return fail(Errc::kSyntax, in.error());
    }
    if (order.size < 0 || order.wire_size < order.size) {
        return fail(Errc::kSyntax, "impossible size");
    }
    return order;
}

std::string DeliveryAnswer::serialize() const {
    AttrWriter out;
    out.number("number", number);
    for (const DeliveryResult& result : results) {
        out.number("kind", static_cast<int>(result.kind)).data("text", result.text);
    }
    return out.end().take();
}

Result<DeliveryAnswer> DeliveryAnswer::parse(std::string_view bytes) {
    auto list = whole_list(bytes);
    if (!list) {
        return fail_with(list);
    }
    AttrReader in(*list);
    DeliveryAnswer answer;
    answer.number = in.number("number");
    while (!in.at_end() && !in.failed()) {
        DeliveryResult result;
        std::uint32_t kind = in.number("kind");
        result.text = in.data("text");
        if (kind > static_cast<std::uint32_t>(DeliveryResult::Kind::kTrouble)) {
            return fail(Errc::kSyntax, "no such result");
        }
        result.kind = static_cast<DeliveryResult::Kind>(kind);
        answer.results.push_back(std::move(result));
    }
    if (in.failed()) {
        return fail(Errc::kSyntax, in.error());
    }
    return answer;
}

}  // namespace relais
