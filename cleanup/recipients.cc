#include "cleanup/recipients.h"

#include <optional>
#include <utility>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/ipc/bounce_client.h"
#include "lib/mail/dsn.h"

namespace relais::cleanup {

namespace {

struct NewRecipient {
    std::string original;
    std::string address;
    std::string dsn_orig_rcpt;
    int notify = 0;
};

// False for a recipient that the message has already.
bool is_new(const Service& service, Message& message, const NewRecipient& recipient) {
    std::string key = lowercase(recipient.address);
    if (service.config.enable_original_recipient()) {
        key = format("{}\n{}\n{}\n{}", recipient.notify, lowercase(recipient.dsn_orig_rcpt),
                     lowercase(recipient.original), key);
    }
    int limit = service.config.duplicate_filter_limit();
    if (limit > 0 && message.seen_recipients.size() >= static_cast<std::size_t>(limit)) {
        return !message.seen_recipients.contains(key);
    }
    return message.seen_recipients.insert(std::move(key)).second;
}

void put_recipient(const Service& service, Message& message, const NewRecipient& recipient) {
    if (!is_new(service, message, recipient)) {
        return;
    }
    if (recipient.notify != 0) {
        message.put_attribute("notify_flags", std::to_string(recipient.notify));
    }
    if (!recipient.dsn_orig_rcpt.empty()) {
        message.put_attribute("dsn_orig_rcpt", recipient.dsn_orig_rcpt);
    }
    message.put(Rec::kOrigRecipient, recipient.original);
    message.put(Rec::kRecipient, recipient.address);
    ++message.recipient_count;
}

// An envelope address in its final form; nothing after a failure.
Task<std::optional<std::string>> clean_address(Service& service, Message& message,
                                               AddressClass where, std::string address) {
    auto rewritten = co_await service.rewriter.internal(std::move(address));
    if (!rewritten) {
        message.fail(kCleanupDefer, "4.3.0 " + rewritten.error().message);
        co_return std::nullopt;
    }
    // Commands that get MAILER-DAEMON for the null sender (pipe(8), mbox) hand the mail on so.
    bool stands_for_null = where == kClassEnvelopeSender &&
                           iequals(*rewritten, "MAILER-DAEMON@" + service.config.myorigin());
    if (stands_for_null) {
        co_return std::string();
    }
    if ((message.flags & kCleanupMap) == 0 || !service.mapping.changes(where)) {
        co_return std::move(*rewritten);
    }
    std::string clean = co_await service.mapping.canonical(message, where, std::move(*rewritten));
    if (message.skipping()) {
        co_return std::nullopt;
    }
    co_return clean;
}

// RFC 3461 5.2.7: the sender learns that the address was expanded, and nothing of what becomes of
// the addresses that took its place.
Task<void> report_expansion(Service& service, Message& message, const NewRecipient& recipient) {
    BounceRequest request;
    request.op = BounceOp::kAppend;
    request.flags = kBounceClean;
    request.queue_id = message.id();
    request.recipient.original = recipient.original;
    request.recipient.address = recipient.address;
    request.recipient.dsn_orig_rcpt = recipient.dsn_orig_rcpt;
    request.recipient.notify = recipient.notify;
    request.status = DeliveryStatus::of(DsnCode(2, 0, 0), "alias expanded");
    request.status.action = "expanded";
    message.traced = true;
    auto sent = co_await send_bounce_request(service.config.trace_service_name(),
                                             std::move(request), service.config.ipc_timeout());
    if (!sent) {
        log_warning("{}: {} service failure: {}", message.id(), service.config.trace_service_name(),
                    sent.error().message);
        message.fail(kCleanupDefer, "4.3.0 " + sent.error().message);
    }
}

// Expands a recipient and writes what it stands for.
Task<void> put_expanded(Service& service, Message& message, NewRecipient recipient) {
    if ((message.flags & kCleanupMap) == 0) {
        put_recipient(service, message, recipient);
        co_return;
    }
    auto addresses = co_await service.mapping.expand(message, recipient.address);
    if (message.skipping()) {
        co_return;
    }
    bool itself = addresses.size() == 1 && addresses.front() == recipient.address;
    if (!itself && (recipient.notify & kNotifySuccess) != 0) {
        co_await report_expansion(service, message, recipient);
        int others = recipient.notify & ~kNotifySuccess;
        recipient.notify = others != 0 ? others : kNotifyNever;
    }
    for (std::string& address : addresses) {
        recipient.address = std::move(address);
        put_recipient(service, message, recipient);
    }
}

}  // namespace

Task<void> take_bcc(Service& service, Message& message, std::string address) {
    NewRecipientArguments arguments;
    arguments.notify = kNotifyNever;
    co_await take_added_recipient(service, message, std::move(address), std::move(arguments));
}

Task<void> take_added_recipient(Service& service, Message& message, std::string address,
                                NewRecipientArguments arguments) {
    NewRecipient recipient;
    recipient.notify = arguments.notify;
    recipient.dsn_orig_rcpt = std::move(arguments.dsn_orig_rcpt);
    auto clean =
        co_await clean_address(service, message, kClassEnvelopeRecipient, std::move(address));
    if (clean) {
        recipient.original = *clean;
        recipient.address = std::move(*clean);
        co_await put_expanded(service, message, std::move(recipient));
    }
}

Task<void> take_sender(Service& service, Message& message, std::string address) {
    std::string clean;
    if (!address.empty()) {
        auto cleaned =
            co_await clean_address(service, message, kClassEnvelopeSender, std::move(address));
        if (!cleaned) {
            co_return;
        }
        clean = std::move(*cleaned);
    }
    if (service.config.smtputf8_enable() && !is_ascii(clean)) {
        message.utf8 |= kUtf8Sender;
        if ((message.flags & kCleanupAutoUtf8) != 0) {
            message.utf8 |= kUtf8Requested;
        }
    }
    message.put(Rec::kSender, clean);
    if ((message.flags & kCleanupBcc) != 0 && !clean.empty()) {
        message.envelope.sender_bcc = co_await service.mapping.bcc_of_sender(message, clean);
    }
    message.envelope.sender = std::move(clean);
}

Task<void> take_recipient(Service& service, Message& message, std::string address) {
    PendingRecipient pending = std::exchange(message.envelope.pending, {});
    NewRecipient recipient;
    recipient.original = pending.original.value_or(address);
    recipient.dsn_orig_rcpt = std::move(pending.dsn_orig_rcpt);
    recipient.notify = pending.notify;
    std::string raw = address.empty() ? service.config.empty_address_recipient() : address;
    auto clean = co_await clean_address(service, message, kClassEnvelopeRecipient, std::move(raw));
    if (!clean) {
        co_return;
    }
    recipient.address = std::move(*clean);
    message.envelope.logged_recipient = recipient.address;
    bool ascii = is_ascii(recipient.address);
    if (!ascii && (message.flags & kCleanupAutoUtf8) != 0 && service.config.smtputf8_enable()) {
        message.utf8 |= kUtf8Requested;
    }
    if (recipient.dsn_orig_rcpt.empty()) {
        bool utf8 = !ascii && (message.utf8 & kUtf8Requested) != 0;
        recipient.dsn_orig_rcpt = (utf8 ? "utf-8;" : "rfc822;") + recipient.address;
    }
    std::string bcc;
    if ((message.flags & kCleanupBcc) != 0) {
        bcc = co_await service.mapping.bcc_of_recipient(message, recipient.address);
    }
    co_await put_expanded(service, message, std::move(recipient));
    if (!bcc.empty() && !message.skipping()) {
        co_await take_bcc(service, message, std::move(bcc));
    }
}

}  // namespace relais::cleanup
