// The protocol that mail filters of Sendmail's kind (milters) speak, versions 2 to 6, on buffers:
// packets, the negotiation of options, what a filter answers and asks to be changed.  A packet is a
// length of four bytes (network order), one byte that says what it is, and data; texts in it end
// with NUL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace relais::milter {

// What the mail system tells a filter.
enum class Event : char {
    kOptions = 'O',
    kMacros = 'D',
    kConnect = 'C',
    kHelo = 'H',
    kMail = 'M',
    kRcpt = 'R',
    kData = 'T',
    kUnknown = 'U',
    kHeader = 'L',
    kEndOfHeaders = 'N',
    kBody = 'B',
    kEndOfBody = 'E',
    kAbort = 'A',
    kQuit = 'Q',
};

// What a filter answers.
enum class Answer : char {
    kContinue = 'c',
    kAccept = 'a',
    kReject = 'r',
    kTempfail = 't',
    kDiscard = 'd',
    kShutdown = '4',
    kReplyCode = 'y',
    kSkip = 's',      // no more events of this kind
    kProgress = 'p',  // still working on it
    kQuarantine = 'q',
    kAddHeader = 'h',
    kInsertHeader = 'i',
    kChangeHeader = 'm',
    kReplaceBody = 'b',
    kChangeFrom = 'e',
    kAddRecipient = '+',
    kAddRecipientWithArguments = '2',
    kDeleteRecipient = '-',
    kConnectionFailed = 'f',
    kSetMacros = 'l',
};

// "SMFIC_RCPT", "SMFIR_ACCEPT": as log lines name them.
[[nodiscard]] std::string_view event_name(Event event);
[[nodiscard]] std::string_view answer_name(Answer answer);

// Bits of the negotiated protocol: events that a filter does not want, replies that it does not
// send, and what else it makes of the protocol.
enum ProtocolBit : std::uint32_t {
    kNoConnect = 1U << 0U,
    kNoHelo = 1U << 1U,
    kNoMail = 1U << 2U,
    kNoRcpt = 1U << 3U,
    kNoBody = 1U << 4U,
    kNoHeaders = 1U << 5U,
    kNoEndOfHeaders = 1U << 6U,
    kNoReplyHeader = 1U << 7U,
    kNoUnknown = 1U << 8U,
    kNoData = 1U << 9U,
    kCanSkip = 1U << 10U,
    kRejectedRecipients = 1U << 11U,  // wants to hear of them
    kNoReplyConnect = 1U << 12U,
    kNoReplyHelo = 1U << 13U,
    kNoReplyMail = 1U << 14U,
    kNoReplyRcpt = 1U << 15U,
    kNoReplyData = 1U << 16U,
    kNoReplyUnknown = 1U << 17U,
    kNoReplyEndOfHeaders = 1U << 18U,
    kNoReplyBody = 1U << 19U,
    kLeadingSpace = 1U << 20U,  // the blank behind a header's colon belongs to its value
    kNoEventBits = 0x37f,       // the kNo... without kNoReply...
};

// Every action that a filter may ask for.
inline constexpr std::uint32_t kAllActions = 0x1ff;

// The bits that say that an event is not wanted, or not answered.
struct EventBits {
    std::uint32_t not_wanted = 0;
    std::uint32_t not_answered = 0;
};

[[nodiscard]] EventBits event_bits(Event event);

// A protocol as milter_protocol names it: "6", "4, no_header_reply".
struct Offer {
    std::uint32_t version = 0;
    std::uint32_t bits = 0;  // that may be negotiated
};

// The error is the log line's text behind "milter NAME: ".
[[nodiscard]] Result<Offer> parse_protocol(std::string_view setting);

// The kNo... bits of the events that a version does not have; nothing where nobody knows.
[[nodiscard]] std::optional<std::uint32_t> events_beyond(std::uint32_t version);

// The stages that have a list of macros, in the order in which lists are passed on.
enum class Stage : std::uint8_t {
    kConnect,
    kHelo,
    kMail,
    kRcpt,
    kData,
    kEndOfHeaders,
    kEndOfBody,
    kUnknown
};
inline constexpr std::size_t kStages = 8;
using MacroNames = std::array<std::string, kStages>;

// What came back from the negotiation.
struct Options {
    std::uint32_t version = 0;
    std::uint32_t actions = 0;
    std::uint32_t events = 0;            // ProtocolBit
    std::optional<MacroNames> macros;    // the filter's own lists
    std::vector<std::uint32_t> unknown;  // stages that nobody knows
};

// `names`: the lists of the stages for which the filter has none, where it has some.
[[nodiscard]] Result<Options> parse_options(std::string_view data, const MacroNames& names);

// One packet.
[[nodiscard]] std::string make_packet(Event event, std::string_view data);
// Numbers and texts of its data.
void append_number(std::string& data, std::uint32_t number);
void append_text(std::string& data, std::string_view text);

using MacroValues = std::vector<std::pair<std::string, std::string>>;

// The packet with the macros for an event.
[[nodiscard]] std::string make_macros(Event event, const MacroValues& values);

// The client at the other end of an SMTP connection, as it is told.
struct Client {
    std::string name, address, port;
    int family = 0;  // AF_INET, AF_INET6, AF_UNIX; others: unknown
};

[[nodiscard]] std::string connect_data(const Client& client);

// Larger packets are not taken.
inline constexpr std::uint32_t kMaxPacket = 16U << 20U;

struct Packet {
    char code = 0;
    std::string_view data;  // into the buffer
};

struct PacketParse {
    enum class Status { kNeedMore, kPacket, kBad } status = Status::kNeedMore;
    Packet packet;
    std::size_t used = 0;
    std::string error;  // kBad: for the log
};

// Takes one packet from the front of `buffer`.
[[nodiscard]] PacketParse take_packet(std::string_view buffer);

// A change of the message that a filter asks for when it has seen all of it.
struct Edit {
    enum class Kind : std::uint8_t {
        kAddHeader,
        kInsertHeader,  // before the one at `index`, 0 being the first
        kChangeHeader,  // the one of this name and `index`, 1 being the first; no value: delete
        kChangeSender,
        kAddRecipient,
        kDeleteRecipient,
        kBodyPart,  // of a new body: its next bytes, with CRLF
        kBodyEnd,
        kBodyAbort,  // the filter went before its end: the body stays as it was
    } kind = Kind::kAddHeader;
    std::uint32_t index = 0;
    std::string name;   // of a header; an address
    std::string value;  // of a header; ESMTP arguments; bytes of a body
};

// Nothing where the answer is no change at all.  The error is the text of a log line; kSyntax: the
// packet is malformed, kNotFound: it makes no sense.
[[nodiscard]] std::optional<Result<Edit>> parse_edit(const Packet& packet);

// A filter's own SMTP reply, made safe: all lines begin with the same code, "%%" stands for "%".
// Its lines are separated by CRLF.  Nothing where it is no reply that refuses.
[[nodiscard]] std::optional<std::string> parse_reply(std::string_view data);

}  // namespace relais::milter
