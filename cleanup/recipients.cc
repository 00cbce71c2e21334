#include "cleanup/recipients.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

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

}  // namespace

Task<void> take_sender(Service& service, Message& message, std::string address) {
    std::string clean;
    if (!address.empty()) {
        auto rewritten = co_await service.rewriter.internal(std::move(address));
        if (!rewritten) {
            message.fail(kCleanupDefer, "4.3.0 " + rewritten.error().message);
            co_return;
        }
        clean = std::move(*rewritten);
    }
    if (service.config.smtputf8_enable() && !is_ascii(clean)) {
        message.utf8 |= kUtf8Sender;
        if ((message.flags & kCleanupAutoUtf8) != 0) {
            message.utf8 |= kUtf8Requested;
        }
    }
    message.put(Rec::kSender, clean);
    message.envelope.sender = std::move(clean);
}

Task<void> take_recipient(Service& service, Message& message, std::string address) {
    PendingRecipient pending = std::exchange(message.envelope.pending, {});
    NewRecipient recipient;
    recipient.original = pending.original.value_or(address);
    recipient.dsn_orig_rcpt = std::move(pending.dsn_orig_rcpt);
    recipient.notify = pending.notify;
    std::string raw = address.empty() ? service.config.empty_address_recipient() : address;
    auto rewritten = co_await service.rewriter.internal(std::move(raw));
    if (!rewritten) {
        message.fail(kCleanupDefer, "4.3.0 " + rewritten.error().message);
        co_return;
    }
    recipient.address = std::move(*rewritten);
    bool ascii = is_ascii(recipient.address);
    if (!ascii && (message.flags & kCleanupAutoUtf8) != 0) {
        message.utf8 |= kUtf8Requested;
    }
    if (recipient.dsn_orig_rcpt.empty()) {
        bool utf8 = !ascii && (message.utf8 & kUtf8Requested) != 0;
        recipient.dsn_orig_rcpt = (utf8 ? "utf-8;" : "rfc822;") + recipient.address;
    }
    put_recipient(service, message, recipient);
}

}  // namespace relais::cleanup
