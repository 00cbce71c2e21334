// MAIL and RCPT: who is a recipient, auth says.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/smtp/envelope_command.h"

#include "imapd/lmtpd/session.h"

namespace relais::lmtpd {

namespace {

constexpr std::string_view kUnsupported = "555 5.5.4 Unsupported parameters";

// "FROM:<path>": the address in internal form, or the reply that refuses it.
smtp::OrReply<std::string> path_of(const smtp::CommandLine& line, std::string_view word,
                                   smtp::EmptyPath empty) {
    const auto& arguments = line.arguments;
    if (arguments.size() < 2 || !iequals(arguments[0].text, word)) {
        return std::unexpected("501 5.5.4 Invalid parameters");
    }
    std::string_view path = arguments[1].text;
    std::string which(trim_right(word, ":"));
    if (!path.starts_with('<')) {
        return std::unexpected(
            format("501 5.5.4 Invalid {}: Missing '<' at beginning of path", which));
    }
    if (!path.ends_with('>') || arguments[1].malformed) {
        return std::unexpected(format("501 5.5.4 Invalid {}: Missing '>' at end of path", which));
    }
    if (path == "<>" && empty == smtp::EmptyPath::kRefused) {
        return std::unexpected(format("501 5.5.4 Invalid {}: Null path not allowed", which));
    }
    auto address = smtp::parse_path(path, smtp::PathSyntax::kStrict, empty);
    if (!address) {
        return std::unexpected(format("501 5.5.4 Invalid {}: Invalid path", which));
    }
    return *address;
}

std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
    auto parts = split_first(word, '=');
    return parts && iequals(parts->first, name) ? std::optional(parts->second) : std::nullopt;
}

}  // namespace

std::string Session::take_mail_parameters(const smtp::CommandLine& line) {
    for (std::size_t i = 2; i < line.arguments.size(); ++i) {
        std::string_view word = line.arguments[i].text;
        if (auto size = value_of(word, "SIZE")) {
            auto bytes = parse_uint(*size);
            auto limit = static_cast<std::uint64_t>(conf().message_size_limit());
            if (!bytes) {
                return "501 5.5.4 Invalid SIZE parameter";
            }
            if (limit > 0 && *bytes > limit) {
                return "552 5.3.4 Message size exceeds fixed limit";
            }
        } else if (auto body = value_of(word, "BODY")) {
            if (!iequals(*body, "7BIT") && !iequals(*body, "8BITMIME")) {
                return "555 5.5.4 Unsupported mail BODY type";
            }
        } else if (iequals(word, "SMTPUTF8")) {
            mail_.utf8 = true;
        } else {
            return std::string(kUnsupported);
        }
    }
    return {};
}

Task<void> Session::cmd_mail(const smtp::CommandLine* line) {
    if (helo_.empty()) {
        reply("503 5.5.1 LHLO needed first");
        co_return;
    }
    if (mail_.given) {
        reply("503 5.5.0 MAIL already given");
        co_return;
    }
    auto sender = path_of(*line, "FROM:", smtp::EmptyPath::kAllowed);
    std::string refusal = sender ? take_mail_parameters(*line) : sender.error();
    if (refusal.empty() && !mail_.utf8 && !is_ascii(*sender)) {
        refusal = "501 5.5.4 Invalid FROM: Invalid character in path";
    }
    if (!refusal.empty()) {
        reset();
        reply(refusal);
        co_return;
    }
    mail_.sender = quote_address(*sender);
    mail_.given = true;
    ++transactions_;
    show("MAIL FROM " + mail_.sender);
    reply("250 2.1.0 OK");
}

Task<void> Session::cmd_rcpt(const smtp::CommandLine* line) {
    if (!mail_.given || mail_.message) {
        reply(mail_.given ? "503 5.5.0 RCPT is not allowed after BDAT"
                          : "503 5.5.0 MAIL needed first");
        co_return;
    }
    auto address = path_of(*line, "TO:", smtp::EmptyPath::kRefused);
    std::string refusal = address ? "" : address.error();
    Recipient recipient;
    for (std::size_t i = 2; i < line->arguments.size() && refusal.empty(); ++i) {
        auto original = value_of(line->arguments[i].text, "ORCPT");
        auto parts = original ? split_first(*original, ';') : std::nullopt;
        if (parts) {
            recipient.original = printable(parts->second);
        } else {
            refusal = kUnsupported;
        }
    }
    if (refusal.empty() &&
        mail_.recipients.size() >= static_cast<std::size_t>(conf().smtpd_recipient_limit())) {
        refusal = "452 4.5.3 Too many recipients";
    }
    if (refusal.empty()) {
        refusal = co_await find_recipient(&recipient, &*address);
    }
    if (!refusal.empty()) {
        reply(refusal);
        co_return;
    }
    show("RCPT TO " + recipient.path);
    add_recipient(std::move(recipient));
    reply("250 2.1.5 OK");
}

Task<std::string> Session::find_recipient(Recipient* recipient, const std::string* address) {
    recipient->path = quote_address(*address);
    auto stripped =
        strip_extension(*address, conf().recipient_delimiter(), conf().double_bounce_sender());
    std::string user = stripped ? stripped->address : *address;
    if (stripped) {
        recipient->to.folder = stripped->extension;
    }
    auto found = co_await site_.pool().find_at(user, SocketAddress::local_of(stream_.fd()));
    if (!found && found.error().code == Errc::kNotFound) {
        co_return format("550 5.1.1 <{}> User doesn't exist: {}", recipient->path, printable(user));
    }
    if (!found) {
        log_warning("user {}: {}", printable(user), found.error().message);
        co_return format("451 4.3.0 <{}> Temporary internal error", recipient->path);
    }
    if (found->elsewhere) {
        co_return co_await relay_recipient(recipient, std::move(*found));
    }
    recipient->to.identity = std::move(found->identity);
    if (conf().lmtpd_rcpt_check_quota()) {
        co_return co_await check_quota(recipient);
    }
    co_return "";
}

// A message of which nothing is known but that it has a byte.
Task<std::string> Session::check_quota(const Recipient* recipient) {
    DeliveryOrder order;
    order.check_only = true;
    order.size = order.wire_size = 1;
    order.recipients = {recipient->to};
    auto results = co_await site_.pool().carry_out(std::move(order), -1);
    if (results.front().kind == DeliveryResult::Kind::kOverQuota) {
        co_return format("{} <{}> {}", conf().quota_full_tempfail() ? "452 4.2.2" : "552 5.2.2",
                         recipient->path, conf().quota_exceeded_message());
    }
    if (results.front().kind == DeliveryResult::Kind::kTrouble) {
        log_warning("user {}: {}", printable(recipient->to.identity.user), results.front().text);
        co_return format("451 4.3.0 <{}> Temporary internal error", recipient->path);
    }
    co_return "";
}

// Whoever is named twice gets one copy; of other machines' users, those decide.
void Session::add_recipient(Recipient recipient) {
    auto same = std::ranges::find_if(mail_.recipients, [&recipient](const Recipient& other) {
        return recipient.relay == nullptr && other.relay == nullptr &&
               other.to.identity.user == recipient.to.identity.user &&
               other.to.folder == recipient.to.folder;
    });
    recipient.same_as = static_cast<std::size_t>(same - mail_.recipients.begin());
    mail_.recipients.push_back(std::move(recipient));
}

}  // namespace relais::lmtpd
