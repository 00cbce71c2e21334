// Takes a QMQP request apart as it comes: a netstring ("5:hello,") of netstrings, the message, its
// sender, its recipients.  The length of the outer one says nothing that the inner ones do not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::qmqpd {

enum class RequestState { kIncomplete, kComplete, kBadFormat, kTooLong, kTorn };

class Request {
  public:
    // Neither the message nor an address may be longer.  0: the message may.
    explicit Request(std::size_t message_limit) : message_limit_(message_limit) {}

    // Takes what it understands from the beginning of `bytes`: how much.
    [[nodiscard]] std::size_t take(std::string_view bytes);

    // Nothing more comes: kTorn, or kBadFormat where only the comma behind a text is missing.
    void end() { fail(in_text_ && missing_ == 0 ? RequestState::kBadFormat : RequestState::kTorn); }

    RequestState state() const { return state_; }

    // What it waits for, or found wrong: "QMQP packet header", "message content" ...
    std::string_view place() const;

    std::string message, sender;
    std::string recipients;  // a NUL behind each
    int recipient_count = 0;

  private:
    enum class Part { kHeader, kMessage, kSender, kRecipient };

    [[nodiscard]] std::size_t take_length(char c);
    [[nodiscard]] std::size_t take_text(std::string_view bytes);

    void fail(RequestState how) { state_ = how; }

    std::size_t limit() const;
    std::string& text();
    void begin_text();

    std::size_t message_limit_;
    RequestState state_ = RequestState::kIncomplete;
    Part part_ = Part::kHeader;
    bool in_text_ = false;
    bool length_begun_ = false;
    std::uint64_t length_ = 0;
    std::uint64_t missing_ = 0;
    std::string recipient_;
};

// "list-@host-@[]": mail that goes back to "list-RECIPIENT@host".  The sender without the ending,
// and the two delimiters of VERP.
struct VerpSender {
    std::string sender;
    std::string delimiters;
};

[[nodiscard]] std::optional<VerpSender> verp_sender(std::string_view sender);

}  // namespace relais::qmqpd
