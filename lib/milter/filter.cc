#include "lib/milter/filter.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"
#include "lib/mail/header.h"
#include "lib/smtp/reply.h"

namespace relais::milter {
namespace {

// What a filter that does not answer has not read yet is not gathered without end.
constexpr std::size_t kMostUnsent = std::size_t{256} << 10;
constexpr std::string_view kTryLater = "451 4.7.1 Service unavailable - try again later";
constexpr std::string_view kRejected = "550 5.7.1 Command rejected";
constexpr std::string_view kMisconfigured =
    "451 4.3.5 Server configuration problem - try again later";
constexpr std::string_view kQueueFailure = "451 4.3.0 Queue file write error";

// What a filter wants to know for its events is held for each session, and passed on.
constexpr std::size_t kMostOptions = std::size_t{64} << 10;

// The most that goes into one packet with content.
constexpr std::size_t kBodyChunk = 65535;

// So many packets may answer one event; in between, other sessions have their turn.
constexpr int kMaxAnswers = 200000;
constexpr int kAnswersInTurn = 256;

bool of_connection(Event event) {
    return event == Event::kConnect || event == Event::kHelo;
}

// Line by line, since filters send whole replies.
std::string softened(const std::string& reply) {
    std::string out;
    std::string_view rest = reply;
    for (;;) {
        const auto end = rest.find("\r\n");
        out += smtp::soften_reply(rest.substr(0, end));
        if (end == std::string_view::npos) {
            return out;
        }
        out += "\r\n";
        rest.remove_prefix(end + 2);
    }
}

}  // namespace

Filter::Filter(FilterSettings settings) : settings_(std::move(settings)) {
}

Filter::Filter(Handed handed)
    : settings_(std::move(handed.settings)),
      options_(std::move(handed.options)),
      missing_events_(handed.missing_events),
      state_(handed.state),
      stream_(std::make_unique<Stream>(std::move(handed.socket))) {
    stream_->set_timeout(settings_.command_timeout);
}

bool Filter::is_active() const {
    return stream_ && (state_ == State::kEnvelope || state_ == State::kReady);
}

void Filter::close() {
    stream_.reset();
    state_ = State::kClosed;
}

// A new stream watches its socket when it first waits, and not before.
void Filter::lend() {
    if (stream_ && stream_->buffered().empty() && stream_->unsent() == 0) {
        stream_ = std::make_unique<Stream>(stream_->release());
        stream_->set_timeout(settings_.command_timeout);
    }
}

// Also what another process holds of the connection is of no use any more: nobody knows where in
// the conversation the filter is.
void Filter::communication_error() {
    if (stream_) {
        ::shutdown(stream_->fd(), SHUT_RDWR);
        stream_.reset();
    }
    const auto& action = settings_.default_action;
    if (iequals(action, "accept")) {
        standing_ = {};
    } else if (iequals(action, "reject")) {
        standing_ = Verdict::refuse("550 5.5.0 Service unavailable");
    } else if (iequals(action, "tempfail")) {
        standing_ = Verdict::refuse(std::string(kTryLater));
    } else if (iequals(action, "quarantine")) {
        standing_ = Verdict::hold();
    } else if (iequals(action, "shutdown")) {
        standing_ = Verdict::shutdown();
    } else {
        log_warning("milter {}: unrecognized default action: {}", settings_.name, action);
        standing_ = Verdict::refuse(std::string(kMisconfigured));
    }
    state_ = State::kError;
}

void Filter::configuration_error() {
    communication_error();
    if (standing_.kind == Verdict::Kind::kReply || standing_.kind == Verdict::Kind::kShutdown) {
        standing_ = Verdict::refuse(std::string(kMisconfigured));
    }
}

Task<Result<UniqueFd>> Filter::open() {
    const auto parts = split_first(settings_.name, ':');
    const auto deadline = Deadline::after(settings_.connect_timeout);
    if (parts->first == "inet") {
        co_return co_await connect_inet_name(std::string(parts->second), deadline);
    }
    co_return co_await connect_unix(std::string(parts->second), deadline);
}

Task<void> Filter::connect(const MacroNames* names) {
    const auto offer = parse_protocol(settings_.protocol);
    if (!offer) {
        log_warning("milter {}: {}", settings_.name, offer.error().message);
        configuration_error();
        co_return;
    }
    const auto parts = split_first(settings_.name, ':');
    if (!parts || parts->first.empty() || parts->second.empty()) {
        log_warning("Milter service needs transport:endpoint instead of \"{}\"", settings_.name);
        configuration_error();
        co_return;
    }
    if (parts->first != "inet" && parts->first != "unix" && parts->first != "local") {
        log_warning("invalid transport name: {} in Milter service: {}", parts->first,
                    settings_.name);
        configuration_error();
        co_return;
    }
    auto socket = co_await open();
    if (!socket) {
        const auto error = socket.error().sys_errno;
        log_warning("connect to Milter service {}: {}", settings_.name,
                    error != 0 ? std::strerror(error) : socket.error().message);
        communication_error();
        co_return;
    }
    stream_ = std::make_unique<Stream>(std::move(*socket));
    stream_->set_timeout(settings_.command_timeout);
    co_await negotiate(*offer, names);
}

Task<void> Filter::negotiate(Offer offer, const MacroNames* names) {
    std::string data;
    append_number(data, offer.version);
    append_number(data, kAllActions);
    append_number(data, offer.bits);
    stream_->write(make_packet(Event::kOptions, data));
    const auto bytes = co_await next_packet(Event::kOptions);
    if (state_ == State::kError) {
        log_warning("milter {}: read error in initial handshake", settings_.name);
        co_return;
    }
    if (bytes.front() != static_cast<char>(Event::kOptions)) {
        log_warning("milter {}: unexpected reply \"{}\" in initial handshake", settings_.name,
                    printable(bytes.substr(0, 1)));
    } else if (take_options(offer, *names, std::string_view(bytes).substr(1))) {
        co_return;
    }
    communication_error();
}

bool Filter::take_options(const Offer& offer, const MacroNames& names, std::string_view data) {
    if (data.size() > kMostOptions) {
        log_warning("milter {}: {} bytes in initial handshake", settings_.name, data.size());
        return false;
    }
    auto options = parse_options(data, names);
    if (!options) {
        log_warning("milter {}: {}", settings_.name, options.error().message);
        log_warning("milter {}: read error in initial handshake", settings_.name);
        return false;
    }
    if (options->version > offer.version) {
        log_warning("milter {}: protocol version {} conflict with MTA protocol version {}",
                    settings_.name, options->version, offer.version);
        return false;
    }
    if ((options->actions & ~kAllActions) != 0) {
        log_warning("milter {}: request mask {:#x} conflict with MTA request mask {:#x}",
                    settings_.name, options->actions, kAllActions);
        return false;
    }
    for (const auto stage : options->unknown) {
        log_warning("milter {}: ignoring unknown macro type {}", settings_.name, stage);
    }
    const auto beyond = events_beyond(options->version);
    if (!beyond) {
        log_warning("milter {}: unexpected protocol version {}", settings_.name, options->version);
    }
    missing_events_ = (kNoEventBits & ~offer.bits) | beyond.value_or(0);
    options_ = std::move(*options);
    state_ = State::kReady;
    standing_ = {};
    skipped_ = 0;
    return true;
}

// What comes next from the filter: one packet's bytes behind the length.  After a failure, which is
// logged, state_ is kError.
Task<std::string> Filter::next_packet(Event event) {
    std::string failure;
    try {
        // The whole packet must arrive in the time of one wait, however it trickles.
        stream_->set_deadline(Deadline::after(stream_->timeout()));
        for (;;) {
            const auto parse = take_packet(stream_->buffered());
            if (parse.status == PacketParse::Status::kPacket) {
                std::string bytes(1, parse.packet.code);
                bytes += parse.packet.data;
                stream_->consume(parse.used);
                stream_->set_deadline({});
                co_return bytes;
            }
            if (parse.status == PacketParse::Status::kBad) {
                log_warning("milter {}: {}", settings_.name, parse.error);
                communication_error();
                co_return std::string();
            }
            const bool more = co_await stream_->fill();
            if (!more) {
                failure = "Application error";  // Postfix's word for an end that comes too early
                break;
            }
        }
    } catch (const TimedOut&) {
        failure = std::strerror(ETIMEDOUT);
    } catch (const IoError& error) {
        failure = error.sys_errno() != 0 ? std::strerror(error.sys_errno()) : error.what();
    }
    log_warning("milter {}: can't read {} reply packet header: {}", settings_.name,
                event_name(event), failure);
    communication_error();
    co_return std::string();
}

Task<Verdict> Filter::tell(Event event, std::string data, std::string macros) {
    const bool over = state_ == State::kAcceptMessage && event != Event::kHelo;
    if (!stream_ || over) {
        co_return standing_;
    }
    if (state_ == State::kReady) {
        state_ = State::kEnvelope;
    }
    co_return co_await send(event, std::move(data), std::move(macros));
}

// Sends an event where it is wanted, and takes the answer where there is one.
Task<Verdict> Filter::send(Event event, std::string data, std::string macros) {
    const auto bits = event_bits(event);
    if (!stream_ || (bits.not_wanted & missing_events_) != 0) {
        co_return standing_;
    }
    if (skipped_ == static_cast<char>(event)) {
        co_return standing_;
    }
    skipped_ = 0;
    stream_->write(macros);
    if ((bits.not_wanted & options_.events) != 0) {
        co_return standing_;
    }
    stream_->write(make_packet(event, data));
    if ((bits.not_answered & options_.events) != 0) {
        if (stream_->unsent() > kMostUnsent) {
            co_await flush();
        }
        co_return standing_;
    }
    if (!stream_->buffered().empty()) {
        co_await flush();  // an answer that is there already is no reason not to ask
    }
    co_return co_await answers(event);
}

// Reads until the answer that decides.
Task<Verdict> Filter::answers(Event event) {
    edit_failed_ = {};
    in_body_ = body_done_ = held_ = false;
    Verdict verdict;
    int count = 0;
    for (bool decided = false; !decided;) {
        if (++count % kAnswersInTurn == 0) {
            co_await yield();
        }
        if (count > kMaxAnswers) {
            log_warning("milter {}: no end of answers after event {}", settings_.name,
                        event_name(event));
            communication_error();
            verdict = standing_;
            break;
        }
        const auto bytes = co_await next_packet(event);
        if (bytes.empty()) {
            verdict = standing_;
            break;
        }
        const Packet packet{bytes.front(), std::string_view(bytes).substr(1)};
        const bool edit =
            event == Event::kEndOfBody && editor_ != nullptr && parse_edit(packet).has_value();
        if (in_body_ && static_cast<Answer>(packet.code) != Answer::kReplaceBody) {
            in_body_ = false;
            body_done_ = true;
            if (edit_failed_.goes_on()) {
                Edit end;
                end.kind = Edit::Kind::kBodyEnd;
                edit_failed_ = co_await editor_->apply(std::move(end));
            }
        }
        if (edit) {
            const bool taken = co_await take_edit(&packet);
            decided = !taken;
            verdict = standing_;
        } else {
            decided = take_plain_answer(event, packet, verdict);
        }
    }
    if (in_body_) {  // and nothing came after it
        in_body_ = false;
        Edit abort;
        abort.kind = Edit::Kind::kBodyAbort;
        (void)co_await editor_->apply(std::move(abort));
    }
    if (verdict.goes_on() && held_) {
        verdict = Verdict::hold();
    }
    const bool stronger = verdict.kind == Verdict::Kind::kDiscard ||
                          verdict.kind == Verdict::Kind::kShutdown ||
                          verdict.reply.starts_with('4');
    co_return edit_failed_.goes_on() || stronger ? verdict : edit_failed_;
}

// A refusal of the connection holds until its end, and the filter need not be asked again.
Verdict Filter::refuse(Event event, Verdict verdict) {
    if (of_connection(event) || verdict.kind == Verdict::Kind::kShutdown) {
        close();
        state_ = State::kRejectConnection;
        standing_ = verdict;
    }
    return verdict;
}

// An answer that is no change.  True where it decides.
bool Filter::take_plain_answer(Event event, const Packet& packet, Verdict& verdict) {
    const auto answer = static_cast<Answer>(packet.code);
    verdict = standing_;
    if (answer == Answer::kReplyCode) {
        verdict = take_reply_code(event, packet.data);
        return true;
    }
    if (answer == Answer::kQuarantine) {
        held_ = true;
        return false;
    }
    switch (answer) {
        case Answer::kProgress:
        case Answer::kContinue:
        case Answer::kAccept:
        case Answer::kDiscard:
        case Answer::kReject:
        case Answer::kTempfail:
        case Answer::kShutdown:
        case Answer::kSkip:
            break;
        default:
            log_warning("milter {}: unexpected filter response {} after event {}", settings_.name,
                        answer_name(answer), event_name(event));
            communication_error();
            verdict = standing_;
            return true;
    }
    if (!packet.data.empty()) {
        log_warning("milter {}: reply {} was followed by {} data bytes", settings_.name,
                    answer_name(answer), packet.data.size());
        communication_error();
        verdict = standing_;
        return true;
    }
    if (answer == Answer::kProgress) {
        return false;
    }
    if (answer == Answer::kAccept) {
        if (of_connection(event)) {
            close();
        }
        state_ = of_connection(event) ? State::kAcceptConnection : State::kAcceptMessage;
    } else if (answer == Answer::kDiscard && of_connection(event)) {
        log_warning("milter {}: DISCARD action is not allowed for connect or helo", settings_.name);
    } else if (answer == Answer::kDiscard) {
        state_ = State::kAcceptMessage;
        verdict = Verdict::discard();
    } else if (answer == Answer::kReject) {
        verdict = refuse(event, Verdict::refuse(std::string(kRejected)));
    } else if (answer == Answer::kTempfail) {
        verdict = refuse(event, Verdict::refuse(std::string(kTryLater)));
    } else if (answer == Answer::kShutdown) {
        verdict = refuse(event, Verdict::shutdown());
    } else if (answer == Answer::kSkip) {
        skipped_ = static_cast<char>(event);
    }
    return true;
}

Verdict Filter::take_reply_code(Event event, std::string_view data) {
    auto reply = parse_reply(data);
    if (!reply) {
        log_warning("milter {}: malformed reply: {}", settings_.name,
                    printable(data.substr(0, data.find('\0'))));
        configuration_error();
        return standing_;
    }
    return refuse(event, Verdict::refuse(conf().soft_bounce() ? softened(*reply) : *reply));
}

// False where the filter is given up.
Task<bool> Filter::take_edit(const Packet* packet) {
    auto edit = *parse_edit(*packet);
    if (!edit) {
        log_warning("milter {}: {}", settings_.name, edit.error().message);
        edit.error().code == Errc::kSyntax ? communication_error() : configuration_error();
        co_return false;
    }
    if (edit->kind == Edit::Kind::kBodyPart) {
        if (body_done_) {
            log_warning(
                "milter {}: body replacement requests can't currently be mixed with other requests",
                settings_.name);
            configuration_error();
            co_return false;
        }
        in_body_ = true;
    }
    const bool spaced = (options_.events & kLeadingSpace) != 0;
    const bool header = edit->kind == Edit::Kind::kAddHeader ||
                        edit->kind == Edit::Kind::kInsertHeader ||
                        edit->kind == Edit::Kind::kChangeHeader;
    if (header && !spaced && !(edit->kind == Edit::Kind::kChangeHeader && edit->value.empty())) {
        edit->value.insert(0, " ");
    }
    if (edit_failed_.goes_on()) {
        edit_failed_ = co_await editor_->apply(std::move(*edit));
    }
    co_return true;
}

Task<Verdict> Filter::message(Content* content, Editor* editor, MessageMacros macros) {
    if (!stream_ || state_ != State::kEnvelope) {
        co_return standing_;
    }
    state_ = State::kMessage;
    stream_->set_timeout(settings_.content_timeout);
    content_ = content;
    editor_ = editor;
    auto verdict = co_await send_headers(content->headers(), macros.headers);
    if (verdict.goes_on() && state_ == State::kMessage &&
        (options_.events & kNoEndOfHeaders) == 0) {
        verdict = co_await send(Event::kEndOfHeaders, {},
                                make_macros(Event::kEndOfHeaders, macros.headers));
    }
    if (verdict.goes_on() && state_ == State::kMessage) {
        verdict = co_await send_body(macros.body);
    }
    if (verdict.goes_on() && state_ == State::kMessage) {
        verdict = co_await send(Event::kEndOfBody, {}, make_macros(Event::kEndOfBody, macros.body));
    }
    content_ = nullptr;
    editor_ = nullptr;
    if (stream_) {
        stream_->set_timeout(settings_.command_timeout);
    }
    if (state_ == State::kMessage || state_ == State::kAcceptMessage) {
        state_ = State::kEnvelope;
    }
    co_return verdict;
}

Task<Verdict> Filter::send_headers(std::vector<std::string> headers, MacroValues macros) {
    if ((options_.events & kNoHeaders) != 0) {
        co_return standing_;
    }
    const auto with = make_macros(Event::kHeader, macros);
    for (const auto& header : headers) {
        const auto colon = header.find(':');
        if (colon == std::string::npos) {
            continue;
        }
        auto value = std::string_view(header).substr(colon + 1);
        if ((options_.events & kLeadingSpace) == 0 && value.starts_with(' ')) {
            value.remove_prefix(1);  // one blank, and no tab: as Sendmail does
        }
        std::string data;
        append_text(data, trim_right(std::string_view(header).substr(0, colon), " \t"));
        append_text(data, value);
        auto verdict = co_await send(Event::kHeader, std::move(data), with);
        if (!verdict.goes_on() || state_ != State::kMessage) {
            co_return verdict;
        }
    }
    co_return standing_;
}

Task<Verdict> Filter::send_body(MacroValues macros) {
    if ((options_.events & kNoBody) != 0) {
        co_return standing_;
    }
    const auto with = make_macros(Event::kBody, macros);
    content_->rewind_body();
    for (;;) {
        auto chunk = content_->next_body(kBodyChunk);
        if (!chunk) {
            log_warning("milter {}: {}", settings_.name, chunk.error().message);
            co_return Verdict::refuse(std::string(kQueueFailure));
        }
        if (chunk->empty()) {
            co_return standing_;
        }
        const bool last = chunk->size() < kBodyChunk;
        auto verdict = co_await send(Event::kBody, std::move(*chunk), with);
        if (!verdict.goes_on() || state_ != State::kMessage || last ||
            skipped_ == static_cast<char>(Event::kBody)) {
            co_return verdict;
        }
    }
}

void Filter::abort() {
    if (stream_ && (state_ == State::kEnvelope || state_ == State::kMessage ||
                    state_ == State::kAcceptMessage)) {
        stream_->write(make_packet(Event::kAbort, {}));
        state_ = State::kEnvelope;
    }
}

Task<void> Filter::flush() {
    if (!stream_ || stream_->unsent() == 0) {
        co_return;
    }
    std::string failure;
    try {
        co_await stream_->flush();
        co_return;
    } catch (const TimedOut&) {
        failure = std::strerror(ETIMEDOUT);
    } catch (const IoError& error) {
        failure = error.sys_errno() != 0 ? std::strerror(error.sys_errno()) : error.what();
    }
    log_warning("milter {}: error writing command: {}", settings_.name, failure);
    communication_error();
}

Task<void> Filter::quit() {
    if (stream_ && state_ != State::kReady) {
        stream_->write(make_packet(Event::kQuit, {}));
        try {
            co_await stream_->flush();
        } catch (const TimedOut&) {
            // It hears of the end by the end of the connection.
        } catch (const IoError&) {
        }
    }
    close();
    standing_ = {};
}

}  // namespace relais::milter
