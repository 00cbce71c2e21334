#include "services/qmqpd/request.h"

#include <algorithm>
#include <limits>

namespace relais::qmqpd {

namespace {

// The whole message is held in memory, where there is no limit of the site's.
constexpr std::size_t kLargestMessage = std::size_t{1} << 30;
constexpr std::size_t kLongestAddress = 100000;
constexpr std::size_t kMostRecipientBytes = std::size_t{50} << 20;

}  // namespace

std::string_view Request::place() const {
    switch (part_) {
        case Part::kHeader:
            return "QMQP packet header";
        case Part::kMessage:
            return "message content";
        case Part::kSender:
            return "sender address";
        case Part::kRecipient:
            return "recipient address";
    }
    return "";
}

std::size_t Request::limit() const {
    if (part_ == Part::kHeader) {
        return std::numeric_limits<std::int64_t>::max();
    }
    if (part_ == Part::kMessage) {
        return message_limit_ == 0 ? kLargestMessage : message_limit_;
    }
    return kLongestAddress;
}

std::string& Request::text() {
    return part_ == Part::kMessage ? message : part_ == Part::kSender ? sender : recipient_;
}

// The digits, and the colon behind them.
std::size_t Request::take_length(char c) {
    if (c >= '0' && c <= '9') {
        auto digit = static_cast<std::uint64_t>(c - '0');
        constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
        if (length_ > (kMost - digit) / 10) {
            fail(RequestState::kTooLong);
            return 0;
        }
        length_ = length_ * 10 + digit;
        length_begun_ = true;
        return 1;
    }
    if (c == ',' && part_ == Part::kRecipient && !length_begun_) {
        state_ = RequestState::kComplete;
        return 1;
    }
    // Without digits it is 0.
    if (c != ':') {
        fail(RequestState::kBadFormat);
        return 0;
    }
    if (length_ > limit()) {
        fail(RequestState::kTooLong);
        return 0;
    }
    begin_text();
    return 1;
}

void Request::begin_text() {
    missing_ = length_;
    length_ = 0;
    length_begun_ = false;
    if (part_ == Part::kHeader) {
        part_ = Part::kMessage;
    } else {
        in_text_ = true;
    }
}

std::size_t Request::take_text(std::string_view bytes) {
    if (missing_ > 0) {
        auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), missing_));
        text().append(bytes.substr(0, count));
        missing_ -= count;
        return count;
    }
    if (bytes.front() != ',') {
        fail(RequestState::kBadFormat);
        return 0;
    }
    in_text_ = false;
    if (part_ == Part::kMessage) {
        part_ = Part::kSender;
        return 1;
    }
    // An address ends at a NUL, as in Postfix: behind it would be another one.
    text().resize(std::min(text().find('\0'), text().size()));
    if (part_ == Part::kSender) {
        part_ = Part::kRecipient;
    } else {
        recipients += recipient_;
        recipients += '\0';
        recipient_.clear();
        ++recipient_count;
        if (recipients.size() > kMostRecipientBytes) {
            fail(RequestState::kTooLong);
        }
    }
    return 1;
}

std::size_t Request::take(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && state_ == RequestState::kIncomplete) {
        taken += in_text_ ? take_text(bytes.substr(taken)) : take_length(bytes[taken]);
    }
    return taken;
}

std::optional<VerpSender> verp_sender(std::string_view sender) {
    constexpr std::string_view kEnding = "-@[]";
    if (!sender.ends_with(kEnding)) {
        return std::nullopt;
    }
    sender.remove_suffix(kEnding.size());
    auto at = sender.rfind('@');
    if (at == std::string_view::npos || at < 1) {
        return std::nullopt;
    }
    VerpSender verp;
    verp.delimiters = std::string{sender[at - 1], '='};
    verp.sender = std::string(sender.substr(0, at - 1)) + std::string(sender.substr(at));
    return verp;
}

}  // namespace relais::qmqpd
