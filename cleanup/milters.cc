#include "cleanup/milters.h"

#include <algorithm>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/mail/address.h"
#include "lib/milter/client_macros.h"
#include "lib/milter/handover.h"

#include "cleanup/edits.h"

namespace relais::cleanup {

// As the client gets to see it: nothing but text between the ends of the lines.
static std::string printable_lines(std::string_view reply) {
    std::string text;
    while (!reply.empty()) {
        const auto end = std::min(reply.find("\r\n"), reply.size());
        text += printable(reply.substr(0, end), ' ', Utf8::kNo);
        text += reply.substr(end, 2);
        reply.remove_prefix(std::min(end + 2, reply.size()));
    }
    return text;
}

Milters::Milters(Service& service, Message& message) : service_(service), message_(message) {
    message_.editable = !service_.milters.empty();
}

// Nothing has gone wrong, and nobody throws the message away.
bool Milters::wanted() const {
    return (message_.flags & kCleanupMilter) != 0 && message_.status == 0 &&
           (message_.flags & kCleanupDiscard) == 0;
}

bool Milters::playing() const {
    return wanted() && !handed_over_ && !service_.milters.empty();
}

Task<void> Milters::take_over(Stream* stream, std::string_view count) {
    const auto number = parse_uint(count);
    if (!number) {
        message_.reject(kCleanupBad, format("bad milter count: {}", printable(count)));
        co_return;
    }
    auto filters = co_await milter::take_over(stream, *number, this);
    if (!filters) {
        message_.reject(kCleanupBad, format("milter receive failed: {}", filters.error().message));
        // Nobody knows where the next record begins, and the other side may wait for an answer.
        throw IoError(filters.error().message);
    }
    handed_over_ = true;
    if (!message_.editable && message_.envelope.sender) {
        // Nothing was left free for their changes.
        message_.reject(kCleanupBad, "milters after the sender");
    }
    message_.editable = true;
    filters_ = std::move(*filters);
}

// Mail that no client brought comes from this machine.
void Milters::find_client() {
    if (client_) {
        return;
    }
    Client client{.name = "localhost",
                  .reverse_name = {},
                  .address = "127.0.0.1",
                  .port = told(ClientAttribute::kPort).value_or("0"),
                  .family = AF_INET};
    const auto name = told(ClientAttribute::kName);
    const auto address = told(ClientAttribute::kAddress);
    const auto family = parse_uint(told(ClientAttribute::kAddressType).value_or(""));
    if (name && address && family) {
        client.name = *name;
        client.address = *address;
        client.family = static_cast<int>(*family);
    }
    client.reverse_name = told(ClientAttribute::kReverseName).value_or(client.name);
    client_ = std::move(client);
}

Task<void> Milters::play_mail() {
    if (!playing() || !message_.envelope.sender) {
        co_return;
    }
    find_client();
    filters_ = std::make_unique<milter::Filters>(service_.milters, &service_.milter_macros, this);
    milter::Client client{client_->name, client_->address, client_->port, client_->family};
    auto verdict = co_await filters_->connect(std::move(client));
    if (!verdict.goes_on()) {
        apply("CONNECT", verdict);
        co_return;
    }
    verdict = co_await filters_->helo(told(ClientAttribute::kHelo).value_or(client_->name));
    if (!verdict.goes_on()) {
        apply("EHLO", verdict);
        co_return;
    }
    // As Sendmail has it, the null address is no "<>" here.
    verdict = co_await filters_->mail({quote_address(*message_.envelope.sender)});
    if (!verdict.goes_on()) {
        apply("MAIL", verdict);
    }
}

Task<void> Milters::play_rcpt() {
    const auto recipient = message_.envelope.logged_recipient;
    if (!playing() || !filters_ || !recipient) {
        co_return;
    }
    const auto verdict = co_await filters_->rcpt({quote_address(*recipient)});
    if (!verdict.goes_on() && apply("RCPT", verdict)) {
        // There is nobody who could be told about one recipient.
        log_warning(
            "{}: milter configuration error: can't reject recipient in non-smtpd(8) submission",
            message_.id());
        log_warning("{}: message not accepted, try again later", message_.id());
        message_.status |= kCleanupDefer;
        message_.reason = "4.3.5 Server configuration error";
        message_.smtp_reply.clear();
    }
}

Task<void> Milters::inspect() {
    if (!wanted() || !filters_ || filters_->empty()) {
        co_return;
    }
    find_client();
    if (!handed_over_) {
        const auto verdict = co_await filters_->data();
        if (!verdict.goes_on()) {
            apply("DATA", verdict);
        }
        if (!wanted()) {
            co_return;
        }
    }
    Edits edits(service_, message_, format("{}[{}]", client_->name, client_->address));
    auto loaded = edits.load();
    if (!loaded) {
        log_warning("{}: {}", message_.id(), loaded.error().message);
        message_.fail(kCleanupWrite);
        co_return;
    }
    const auto verdict = co_await filters_->message(&edits, &edits);
    co_await edits.finish();
    if (!verdict.goes_on()) {
        apply("END-OF-MESSAGE", verdict);
    }
}

Task<void> Milters::quit() {
    if (filters_ && !handed_over_) {
        co_await filters_->quit();
    }
}

void Milters::log(std::string_view action, std::string_view event, std::string_view text) const {
    auto line = format("{}: {}: {} from {}[{}]: {};", message_.id(), action, event, client_->name,
                       client_->address, text);
    line += log_details(message_.envelope);
    log_line(Severity::kInfo, printable(line));
}

// What filters decided.  True where the message is refused.
bool Milters::apply(std::string_view event, const milter::Verdict& verdict) {
    // A change that failed has said so already.
    if (message_.status != 0 || (message_.flags & kCleanupDiscard) != 0) {
        return false;
    }
    std::string reply = verdict.reply;
    switch (verdict.kind) {
        case milter::Verdict::Kind::kContinue:
            return false;
        case milter::Verdict::Kind::kHold:
            if ((message_.flags & kCleanupHold) == 0) {
                message_.flags |= kCleanupHold;
                log("milter-hold", event, "milter triggers HOLD action");
            }
            return false;
        case milter::Verdict::Kind::kDiscard:
            message_.flags |= kCleanupDiscard;
            log("milter-discard", event, "milter triggers DISCARD action");
            return false;
        case milter::Verdict::Kind::kShutdown:
            // Postfix 3.7 takes the message here, and loses it.
            reply = "421 4.7.0 Server closing connection";
            break;
        case milter::Verdict::Kind::kReply:
            break;
    }
    message_.reason = printable(std::string_view(reply).substr(4), '_');
    message_.smtp_reply = printable_lines(reply);
    message_.status |= reply.starts_with('4') ? kCleanupDefer : kCleanupContent;
    log("milter-reject", event, std::string_view(reply).substr(4));
    return true;
}

Task<std::optional<std::string>> Milters::macro(std::string name) {
    find_client();
    if (name == "{i}") {
        co_return message_.id();
    }
    if (auto value = milter::client_macro(
            name, {client_->name, client_->reverse_name, client_->address, client_->port})) {
        co_return value;
    }
    if (name == "{client_addr}") {
        co_return client_->address;
    }
    if (name == "{daemon_addr}") {
        co_return told(ClientAttribute::kServerAddress).value_or("127.0.0.1");
    }
    if (name == "{daemon_port}") {
        co_return told(ClientAttribute::kServerPort).value_or("0");
    }
    if (name == "{auth_type}") {
        co_return told(ClientAttribute::kSaslMethod);
    }
    if (name == "{auth_authen}") {
        co_return told(ClientAttribute::kSaslUsername);
    }
    if (name == "{auth_author}") {
        co_return told(ClientAttribute::kSaslSender);
    }
    // Filters of smtpd know these; what it rewrote since is none of theirs.
    if (name == "{mail_addr}" && !handed_over_ && message_.envelope.sender) {
        co_return quote_address(*message_.envelope.sender);
    }
    if (name == "{rcpt_addr}" && !handed_over_ && message_.envelope.logged_recipient) {
        co_return quote_address(*message_.envelope.logged_recipient);
    }
    co_return std::nullopt;
}

}  // namespace relais::cleanup
