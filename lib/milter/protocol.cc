#include "lib/milter/protocol.h"

#include <algorithm>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::milter {
namespace {

constexpr std::size_t kLengthBytes = 4;

struct EventInfo {
    Event event;
    std::string_view name;
    EventBits bits;
};

constexpr std::array<EventInfo, 14> kEvents = {{
    {Event::kOptions, "SMFIC_OPTNEG", {}},
    {Event::kMacros, "SMFIC_MACRO", {}},
    {Event::kConnect, "SMFIC_CONNECT", {kNoConnect, kNoReplyConnect}},
    {Event::kHelo, "SMFIC_HELO", {kNoHelo, kNoReplyHelo}},
    {Event::kMail, "SMFIC_MAIL", {kNoMail, kNoReplyMail}},
    {Event::kRcpt, "SMFIC_RCPT", {kNoRcpt, kNoReplyRcpt}},
    {Event::kData, "SMFIC_DATA", {kNoData, kNoReplyData}},
    {Event::kUnknown, "SMFIC_UNKNOWN", {kNoUnknown, kNoReplyUnknown}},
    {Event::kHeader, "SMFIC_HEADER", {kNoHeaders, kNoReplyHeader}},
    {Event::kEndOfHeaders, "SMFIC_EOH", {kNoEndOfHeaders, kNoReplyEndOfHeaders}},
    {Event::kBody, "SMFIC_BODY", {kNoBody, kNoReplyBody}},
    {Event::kEndOfBody, "SMFIC_BODYEOB", {}},
    {Event::kAbort, "SMFIC_ABORT", {}},
    {Event::kQuit, "SMFIC_QUIT", {}},
}};

struct AnswerInfo {
    Answer answer;
    std::string_view name;
};

constexpr std::array<AnswerInfo, 20> kAnswers = {{
    {Answer::kContinue, "SMFIR_CONTINUE"},
    {Answer::kAccept, "SMFIR_ACCEPT"},
    {Answer::kReject, "SMFIR_REJECT"},
    {Answer::kTempfail, "SMFIR_TEMPFAIL"},
    {Answer::kDiscard, "SMFIR_DISCARD"},
    {Answer::kShutdown, "SMFIR_SHUTDOWN"},
    {Answer::kReplyCode, "SMFIR_REPLYCODE"},
    {Answer::kSkip, "SMFIR_SKIP"},
    {Answer::kProgress, "SMFIR_PROGRESS"},
    {Answer::kQuarantine, "SMFIR_QUARANTINE"},
    {Answer::kAddHeader, "SMFIR_ADDHEADER"},
    {Answer::kInsertHeader, "SMFIR_INSHEADER"},
    {Answer::kChangeHeader, "SMFIR_CHGHEADER"},
    {Answer::kReplaceBody, "SMFIR_REPLBODY"},
    {Answer::kChangeFrom, "SMFIR_CHGFROM"},
    {Answer::kAddRecipient, "SMFIR_ADDRCPT"},
    {Answer::kAddRecipientWithArguments, "SMFIR_ADDRCPT_PAR"},
    {Answer::kDeleteRecipient, "SMFIR_DELRCPT"},
    {Answer::kConnectionFailed, "SMFIR_CONN_FAIL"},
    {Answer::kSetMacros, "SMFIR_SETSYMLIST"},
}};

struct VersionInfo {
    std::string_view name;
    std::uint32_t version;
    std::uint32_t bits;
};

constexpr std::uint32_t kBitsOf2 = kNoEventBits & ~(kNoUnknown | kNoData);
constexpr std::uint32_t kBitsOf3 = kBitsOf2 | kNoUnknown;
constexpr std::uint32_t kBitsOf4 = kBitsOf3 | kNoData;
constexpr std::uint32_t kBitsOf6 = 0x1fffff;

// Newest first.
constexpr std::array<VersionInfo, 4> kVersions = {
    {{"6", 6, kBitsOf6}, {"4", 4, kBitsOf4}, {"3", 3, kBitsOf3}, {"2", 2, kBitsOf2}}};

// The stage of each number in a filter's list of macros.
constexpr std::array<Stage, 7> kStageNumbers = {
    Stage::kConnect, Stage::kHelo,      Stage::kMail,        Stage::kRcpt,
    Stage::kData,    Stage::kEndOfBody, Stage::kEndOfHeaders};

// Takes values from the front of a packet's data.
class Reader {
  public:
    explicit Reader(std::string_view data) : data_(data) {}

    std::uint32_t number() {
        if (data_.size() < kLengthBytes) {
            note("input packet too short for network long");
            return 0;
        }
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < kLengthBytes; ++i) {
            value = value << 8U | static_cast<unsigned char>(data_[i]);
        }
        data_.remove_prefix(kLengthBytes);
        return value;
    }

    std::string text() {
        const auto end = data_.find('\0');
        if (end == std::string_view::npos) {
            note(data_.empty() ? "packet too short for string" : "missing string null terminator");
            return {};
        }
        std::string out(data_.substr(0, end));
        data_.remove_prefix(end + 1);
        return out;
    }

    bool at_end() const { return data_.empty(); }

    // Nothing may be left.
    const std::string& finish() {
        if (!data_.empty()) {
            note(format("left-over data {} bytes", data_.size()));
        }
        return error_;
    }

    const std::string& error() const { return error_; }

  private:
    void note(std::string error) {
        error_ = error_.empty() ? std::move(error) : error_;
        data_ = {};
    }

    std::string_view data_;
    std::string error_;
};

}  // namespace

std::string_view event_name(Event event) {
    const auto* found = std::ranges::find(kEvents, event, &EventInfo::event);
    return found == kEvents.end() ? "(unknown MTA event)" : found->name;
}

std::string_view answer_name(Answer answer) {
    const auto* found = std::ranges::find(kAnswers, answer, &AnswerInfo::answer);
    return found == kAnswers.end() ? "(unknown filter reply)" : found->name;
}

EventBits event_bits(Event event) {
    const auto* found = std::ranges::find(kEvents, event, &EventInfo::event);
    return found == kEvents.end() ? EventBits{} : found->bits;
}

Result<Offer> parse_protocol(std::string_view setting) {
    Offer offer;
    for (const auto word : split_words(setting, ", \t\r\n")) {
        const auto* known = std::ranges::find(kVersions, word, &VersionInfo::name);
        if (word == "no_header_reply") {
            offer.bits |= kNoReplyHeader;
        } else if (known != kVersions.end() && offer.version == 0) {
            offer.version = known->version;
            offer.bits |= known->bits;
        } else {
            return fail(Errc::kSyntax, format("bad protocol information: {}", word));
        }
    }
    if (offer.version == 0) {
        return fail(Errc::kSyntax, "no protocol version information");
    }
    return offer;
}

std::optional<std::uint32_t> events_beyond(std::uint32_t version) {
    for (const auto& known : kVersions) {
        if (known.version <= version) {
            return kNoEventBits & ~known.bits;
        }
    }
    return std::nullopt;
}

Result<Options> parse_options(std::string_view data, const MacroNames& names) {
    Reader reader(data);
    Options options;
    options.version = reader.number();
    options.actions = reader.number();
    options.events = reader.number();
    while (!reader.at_end()) {
        const auto stage = reader.number();
        auto own = reader.text();
        options.macros = options.macros ? options.macros : names;
        if (stage < kStageNumbers.size()) {
            (*options.macros)[static_cast<std::size_t>(kStageNumbers[stage])] = std::move(own);
        } else if (reader.error().empty()) {
            options.unknown.push_back(stage);
        }
    }
    if (!reader.error().empty()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return options;
}

std::string make_packet(Event event, std::string_view data) {
    std::string packet;
    packet.reserve(kLengthBytes + 1 + data.size());
    append_number(packet, static_cast<std::uint32_t>(data.size() + 1));
    packet += static_cast<char>(event);
    packet += data;
    return packet;
}

void append_number(std::string& data, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        data += static_cast<char>(number >> static_cast<unsigned>(shift) & 0xffU);
    }
}

void append_text(std::string& data, std::string_view text) {
    data += text.substr(0, text.find('\0'));
    data += '\0';
}

std::string make_macros(Event event, const MacroValues& values) {
    std::string data(1, static_cast<char>(event));
    for (const auto& [name, value] : values) {
        append_text(data, name);
        append_text(data, value);
    }
    return make_packet(Event::kMacros, data);
}

std::string connect_data(const Client& client) {
    constexpr std::string_view kUnknown = "unknown";
    const bool nameless = client.name == kUnknown && client.address != kUnknown;
    std::string data;
    append_text(data, nameless ? format("[{}]", client.address) : client.name);
    const char family = client.family == AF_INET    ? '4'
                        : client.family == AF_INET6 ? '6'
                        : client.family == AF_UNIX  ? 'L'
                                                    : 'U';
    data += family;
    if (family == 'U') {
        return data;
    }
    auto port = parse_uint(client.port).value_or(0);
    port = family == 'L' || port > 0xffff ? 0 : port;
    data += static_cast<char>(port >> 8U & 0xffU);
    data += static_cast<char>(port & 0xffU);
    append_text(data, client.address);
    return data;
}

PacketParse take_packet(std::string_view buffer) {
    PacketParse parse;
    if (buffer.size() < kLengthBytes) {
        return parse;
    }
    const auto length = Reader(buffer).number();
    if (length == 0) {
        parse.status = PacketParse::Status::kBad;
        parse.error = "bad packet length: 0";
    } else if (length > kMaxPacket) {
        parse.status = PacketParse::Status::kBad;
        parse.error = format("unreasonable packet length: {} > {}", length, kMaxPacket);
    } else if (buffer.size() - kLengthBytes >= length) {
        parse.status = PacketParse::Status::kPacket;
        parse.packet = {buffer[kLengthBytes], buffer.substr(kLengthBytes + 1, length - 1)};
        parse.used = kLengthBytes + length;
    }
    return parse;
}

static Result<Edit> finish_edit(Edit edit, Reader& reader) {
    if (!reader.finish().empty()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return edit;
}

static Result<Edit> header_edit(Answer answer, Reader& reader) {
    Edit edit;
    if (answer != Answer::kAddHeader) {
        edit.index = reader.number();
    }
    edit.name = reader.text();
    edit.value = reader.text();
    auto done = finish_edit(std::move(edit), reader);
    if (!done || answer == Answer::kAddHeader) {
        return done;
    }
    if (answer == Answer::kInsertHeader) {
        done->kind = Edit::Kind::kInsertHeader;
        return done;
    }
    done->kind = Edit::Kind::kChangeHeader;
    if (done->name.empty()) {
        return fail(Errc::kNotFound, "null change header name");
    }
    done->index = std::max(done->index, 1U);  // as Sendmail takes a 0
    return done;
}

static Result<Edit> address_edit(Edit::Kind kind, Reader& reader, bool with_arguments) {
    Edit edit;
    edit.kind = kind;
    edit.name = reader.text();
    if (with_arguments && !reader.at_end()) {
        edit.value = reader.text();
    }
    return finish_edit(std::move(edit), reader);
}

std::optional<Result<Edit>> parse_edit(const Packet& packet) {
    Reader reader(packet.data);
    const auto answer = static_cast<Answer>(packet.code);
    switch (answer) {
        case Answer::kAddHeader:
        case Answer::kInsertHeader:
        case Answer::kChangeHeader:
            return header_edit(answer, reader);
        case Answer::kChangeFrom:
            return address_edit(Edit::Kind::kChangeSender, reader, true);
        case Answer::kAddRecipient:
            return address_edit(Edit::Kind::kAddRecipient, reader, false);
        case Answer::kAddRecipientWithArguments:
            return address_edit(Edit::Kind::kAddRecipient, reader, true);
        case Answer::kDeleteRecipient:
            return address_edit(Edit::Kind::kDeleteRecipient, reader, false);
        case Answer::kReplaceBody:
            return Edit{.kind = Edit::Kind::kBodyPart,
                        .index = 0,
                        .name = {},
                        .value = std::string(packet.data)};
        default:
            return std::nullopt;
    }
}

// "451-4.7.1 text" or the same with a blank.
static bool is_reply_line(std::string_view line) {
    return line.size() >= 4 && (line[0] == '4' || line[0] == '5') && is_digit(line[1]) &&
           is_digit(line[2]) && (line[3] == ' ' || line[3] == '-') &&
           (line.size() == 4 || !is_digit(line[4]) || line[4] == line[0]);
}

std::optional<std::string> parse_reply(std::string_view data) {
    std::string text;
    data = data.substr(0, data.find('\0'));
    for (std::size_t i = 0; i < data.size(); ++i) {
        // A lone "%" is dropped, as it is where replies are printf formats.
        if (data[i] == '%') {
            ++i;
        }
        text += data.substr(i, 1);
    }
    std::string_view rest = text;
    bool last = false;
    for (bool first = true; first || !rest.empty(); first = false) {
        const auto end = rest.find("\r\n");
        const auto line = rest.substr(0, end);
        if (last || !is_reply_line(line) ||
            line.substr(0, 3) != std::string_view(text).substr(0, 3) ||
            line.find_first_of("\r\n") != std::string_view::npos) {
            return std::nullopt;
        }
        last = line[3] == ' ';
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    }
    while (text.ends_with("\r\n")) {
        text.resize(text.size() - 2);
    }
    return last ? std::optional(text) : std::nullopt;
}

}  // namespace relais::milter
