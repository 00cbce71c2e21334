// The text of aliases, ~/.forward files and included lists: addresses, "|command", /file/name,
// ~/file, :include:/file/name, separated by commas.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

constexpr std::string_view kInclude = ":include:";

bool ends_item(char c) {
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Colons have another meaning in address lists: an unquoted :include:/file/name gets quotes.
std::string quote_includes(std::string_view text) {
    std::string out;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        bool begins = !quoted && istarts_with(text.substr(at), kInclude) &&
                      (at == 0 || ends_item(text[at - 1]));
        if (begins) {
            std::size_t end = at;
            while (end < text.size() && !ends_item(text[end]) && text[end] != '"') {
                ++end;
            }
            (out += '"').append(text.substr(at, end - at)) += '"';
            at = end - 1;
            continue;
        }
        if (text[at] == '\\' && at + 1 < text.size()) {
            out += text[at++];
        } else if (text[at] == '"') {
            quoted = !quoted;
        }
        out += text[at];
    }
    return out;
}

// Puts the extension that an alias did not use up into the address.
std::string with_extension(const std::string& address, const Branch& branch) {
    if (branch.unmatched.empty()) {
        return address;
    }
    std::string extension =
        (branch.delimiter.empty() ? conf().recipient_delimiter().substr(0, 1) : branch.delimiter) +
        branch.unmatched;
    auto at = address.rfind('@');
    return at == std::string::npos ? address + extension
                                   : address.substr(0, at) + extension + address.substr(at);
}

}  // namespace

Task<Disposition> Expansion::deliver_list(const Branch* branch, std::string text, int* count) {
    AddressList list = AddressList::parse(quote_includes(text));
    Disposition all = Disposition::kDone;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list.is_null(i)) {
            continue;
        }
        std::string internal = list.internal(i);
        ++*count;
        Branch item = *branch;
        Disposition one =
            co_await deliver_item(std::move(item), std::move(internal), list.external(i));
        all = both(all, one);
    }
    co_return all;
}

Task<Disposition> Expansion::deliver_lines(const Branch* branch, std::string text, int* count) {
    Disposition all = Disposition::kDone;
    std::string logical;
    auto fields = split_fields(text, '\n');
    for (std::size_t i = 0; i <= fields.size(); ++i) {
        std::string_view line = i < fields.size() ? fields[i] : "";
        bool continues = !line.empty() && (line[0] == ' ' || line[0] == '\t');
        if (i < fields.size() && (trim(line).empty() || line.starts_with('#'))) {
            continue;
        }
        if (continues && !logical.empty()) {
            (logical += ' ') += line;
            continue;
        }
        if (!logical.empty()) {
            Disposition one = co_await deliver_list(branch, std::move(logical), count);
            all = both(all, one);
        }
        logical = line;
    }
    co_return all;
}

Task<Disposition> Expansion::deliver_item(Branch branch, std::string internal,
                                          std::string external) {
    if (internal.starts_with('/')) {
        co_return co_await deliver_file(std::move(branch), std::move(internal));
    }
    if (internal.starts_with('~')) {
        co_return co_await deliver_home_file(std::move(branch), std::move(internal));
    }
    if (internal.starts_with('|')) {
        bool allowed = (agent_.commands_from & branch.source) != 0;
        if (!allowed) {
            DeliveryStatus status =
                DeliveryStatus::of(DsnCode(5, 7, 1), "mail to command is restricted");
            co_return co_await finish(&branch, std::move(status));
        }
        co_return co_await deliver_command(std::move(branch), internal.substr(1));
    }
    if (istarts_with(internal, kInclude)) {
        co_return co_await deliver_include(std::move(branch), internal.substr(kInclude.size()));
    }
    co_return co_await deliver_address(std::move(branch), std::move(external));
}

Task<Disposition> Expansion::deliver_address(Branch branch, std::string external) {
    auto failure = [] { return DeliveryStatus::of(DsnCode(4, 3, 0), "address resolver failure"); };
    auto rewritten = co_await agent_.rewrite->rewrite(RewriteContext::kLocal, std::move(external));
    if (!rewritten) {
        co_return co_await finish(&branch, failure());
    }
    auto resolved = co_await agent_.rewrite->resolve(branch.sender, unquote_address(*rewritten));
    if (!resolved || resolved->failed()) {
        co_return co_await finish(&branch, failure());
    }
    if (resolved->bad_address()) {
        DeliveryStatus status = DeliveryStatus::of(
            DsnCode(5, 1, 3), "bad recipient address syntax: " + resolved->recipient);
        co_return co_await finish(&branch, std::move(status));
    }
    Recipient recipient = branch.rcpt;
    recipient.address = with_extension(resolved->recipient, branch);
    // The record in the queue file is that of the whole expansion.
    recipient.offset = kNoRecipientRecord;
    set_address(branch, std::move(recipient));
    bool local = resolved->transport == agent_.relay;
    if (local) {
        co_return co_await deliver_recipient(std::move(branch));
    }
    co_return co_await deliver_indirect(std::move(branch));
}

}  // namespace relais::local_agent
