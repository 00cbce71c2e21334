// What filters decide about a command or a message.
#pragma once

#include <cstdint>
#include <string>

namespace relais::milter {

struct Verdict {
    enum class Kind : std::uint8_t {
        kContinue,
        kHold,      // take it, and put it on hold
        kDiscard,   // take it, and throw it away
        kShutdown,  // end the session
        kReply,     // refuse it with an SMTP reply
    } kind = Kind::kContinue;
    std::string reply;  // kReply: "550 5.7.1 text", "\r\n" between its lines

    bool goes_on() const { return kind == Kind::kContinue; }

    bool operator==(const Verdict&) const = default;

    static Verdict hold() { return {Kind::kHold, {}}; }

    static Verdict discard() { return {Kind::kDiscard, {}}; }

    static Verdict shutdown() { return {Kind::kShutdown, {}}; }

    static Verdict refuse(std::string reply) { return {Kind::kReply, std::move(reply)}; }
};

}  // namespace relais::milter
