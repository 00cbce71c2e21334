// Puts commands together from the bytes of a connection: lines and literals (RFC 3501 4.3, LITERAL+
// of RFC 7888), within limits.  Sans I/O.
//
//     auto event = reader.feed(stream.buffered(), taken);   stream.consume(taken);
//     kContinue: send "+ OK\r\n";   kCommand: reader.command() is whole, then reader.next();
//     kMessage: a message for APPEND or REPLACE follows: `literal_size()` bytes that the caller
//     reads itself, then message_done(); the rest of the command comes with a later kCommand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relais::imap {

enum class LiteralSync { kWaits, kFollows };  // "{n}" and "{n+}"

class CommandReader {
  public:
    enum class Event {
        kNeedMore,
        kContinue,
        kCommand,
        kMessage,
        kTooLong,   // the command was thrown away; tag() names it
        kHopeless,  // no line end in sight: the connection cannot go on
    };

    explicit CommandReader(std::size_t max_command = 65536) : max_command_(max_command) {}

    Event feed(std::string_view input, std::size_t& taken);

    // The command collected so far, without its last line end; literals in place.
    std::string_view command() const { return command_; }

    // The tag, or "*" where there is none yet.
    std::string_view tag() const;

    std::uint64_t literal_size() const { return literal_size_; }

    LiteralSync literal_sync() const { return literal_sync_; }

    // A kMessage was told, and what follows is still to be read.
    bool message_follows() const { return message_follows_; }

    // The message was read (or refused before it was sent): go on with the line behind it.
    void message_done();

    // Nothing of a command has come yet.
    bool at_start() const { return state_ == State::kLine && command_.empty(); }

    // What has come behind the last literal.
    std::string_view last_line() const { return std::string_view(command_).substr(line_start_); }

    // Forget the command and start with the next one.
    void next();

  private:
    enum class State { kLine, kLiteral, kSkipLine, kSkipLiteral };

    Event take_line(std::string_view input, std::size_t& taken);
    Event end_of_line(std::size_t line_start);
    Event begin_literal();
    bool is_message(std::size_t literal_begin) const;

    std::size_t max_command_;
    State state_ = State::kLine;
    std::string command_;
    std::size_t line_start_ = 0;
    std::uint64_t literal_size_ = 0;
    std::uint64_t literal_left_ = 0;
    LiteralSync literal_sync_ = LiteralSync::kWaits;
    bool message_follows_ = false;
};

}  // namespace relais::imap
