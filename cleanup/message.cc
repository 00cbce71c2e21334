#include "cleanup/message.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/mail/address.h"

namespace relais::cleanup {

namespace {

// With the bounce flag, other errors leave a message that can be returned to its sender.
constexpr unsigned kCannotContinue = kCleanupBad | kCleanupWrite | kCleanupSize | kCleanupDefer;

}  // namespace

std::string log_details(const EnvelopeState& envelope) {
    std::string text;
    if (envelope.sender) {
        text += format(" from=<{}>", quote_address(*envelope.sender));
    }
    if (envelope.logged_recipient) {
        text += format(" to=<{}>", quote_address(*envelope.logged_recipient));
    }
    if (!envelope.protocol.empty()) {
        text += format(" proto={}", envelope.protocol);
    }
    if (!envelope.helo.empty()) {
        text += format(" helo=<{}>", envelope.helo);
    }
    return text;
}

bool Message::skipping() const {
    unsigned mask = (flags & kCleanupBounce) != 0 ? kCannotContinue : ~0U;
    return (status & mask) != 0 || (flags & kCleanupDiscard) != 0;
}

bool Message::fits(std::size_t more) {
    if (size_limit_ <= 0 || file.offset() + static_cast<std::int64_t>(more) <= size_limit_) {
        return true;
    }
    log_warning("{}: queue file size limit exceeded", id());
    fail(kCleanupSize);
    return false;
}

void Message::put(Rec type, std::string_view data) {
    if (has_room_for(data.size())) {
        note_write(file.put(type, data));
    }
}

void Message::put_attribute(std::string_view name, std::string_view value) {
    if (has_room_for(name.size() + 1 + value.size())) {
        note_write(file.put_attribute(name, value));
    }
}

bool Message::has_room_for(std::size_t data_size) {
    return !skipping() && fits(data_size + record_overhead(data_size));
}

void Message::note_write(const Result<void>& done) {
    if (!done) {
        log_warning("{}: write queue file: {}", id(), done.error().message);
        fail(kCleanupWrite);
    }
}

void Message::put_text(std::string_view line, std::size_t limit, Rec last) {
    while (line.size() > limit) {
        put(Rec::kLinePart, line.substr(0, limit));
        line.remove_prefix(limit);
    }
    put(last, line);
}

void Message::put_pointer(std::int64_t to) {
    put(Rec::kPointer, format("{:>15}", to));
}

void Message::put_room(Rec type, std::size_t size) {
    constexpr std::size_t kPointerData = 15;
    if (!editable || size >= kPointerData || skipping()) {
        return;
    }
    std::string room;
    append_padding(room, type, std::max<std::size_t>(kPointerData - size, 3));
    note_write(file.put_encoded(room));
}

void Message::reject(unsigned bit, std::string_view why) {
    log_warning("{}: message rejected: {}", id(), why);
    fail(bit);
}

void Message::fail(unsigned bit, std::string_view why) {
    status |= bit;
    if (reason.empty()) {
        reason = why;
    }
}

}  // namespace relais::cleanup
