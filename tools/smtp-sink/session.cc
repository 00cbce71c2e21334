#include "tools/smtp-sink/session.h"

#include <cstdio>
#include <cstdlib>
#include <random>

#include <sys/socket.h>
#include <syslog.h>

#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"

namespace relais::smtp_sink {

namespace {

constexpr std::size_t kLineLimit = 2046;  // bytes of a command, without its line end

// How often a hundred-sided die is rolled before it shows `odds` or more.
int rolls(int odds) {
    static std::minstd_rand engine(std::random_device{}());
    std::uniform_int_distribution<int> die(0, 99);
    int count = 1;
    while (die(engine) < odds) {
        ++count;
    }
    return count;
}

std::string_view after_colon(std::string_view arguments) {
    auto parts = split_first(arguments, ':');
    return parts ? trim_left(parts->second) : std::string_view();
}

}  // namespace

void Tally::show() const {
    if (settings_.counts) {
        std::printf("sess=%d quit=%d mesg=%d\r", sessions_, quits_, messages_);
    }
}

void Tally::session_ended() {
    ++sessions_;
    show();
    if (sessions_ == settings_.quit_after_sessions) {
        std::exit(0);
    }
}

void Tally::message_received() {
    ++messages_;
    show();
    if (messages_ == settings_.quit_after_messages) {
        std::exit(0);
    }
}

Task<void> Session::run() {
    try {
        co_await converse();
    } catch (const TimedOut&) {
        log_warning("{} timeout", stream_.unsent() > 0 ? "write" : "read");
    } catch (const IoError&) {
        // Clients come and go.
    }
    if (log_verbose() > 0 && is_welcome_) {
        log_info("disconnect");
    }
    capture_.reset();
    tally_.session_ended();
}

Task<void> Session::converse() {
    stream_.set_timeout(settings_.timeout);
    note_client();
    Next next = arrive(Verb::kConnect, {});
    is_welcome_ = next != Next::kClose;
    for (;;) {
        switch (next) {
            case Next::kGoOn:
                break;
            case Next::kReadMore: {
                bool more = co_await stream_.fill();
                if (!more) {
                    co_return;
                }
                break;
            }
            case Next::kPause:
                co_await stream_.flush();
                co_await sleep_for(delay_);
                next = answer(delayed_, delayed_arguments_);
                continue;
            case Next::kReadLater:
                co_await stream_.flush();
                co_await sleep_for(settings_.data_read_delay);
                break;
            case Next::kAbort:
                co_await stream_.flush();
                co_await sleep_for(*settings_.abort_delay);
                stream_.write("550 This violates SMTP\r\n");
                co_await stream_.flush();
                co_return;
            case Next::kClose:
                co_await stream_.flush();
                co_return;
        }
        next = in_content_ ? take_content() : take_command();
    }
}

void Session::note_client() {
    auto peer = SocketAddress::peer_of(stream_.fd());
    bool is_ip = peer && peer->is_ip();
    client_.address = is_ip ? peer->host() : "local";
    client_.is_ipv6 = is_ip && peer->family() == AF_INET6;
    client_.protocol = settings_.lmtp ? "LMTP" : "SMTP";
    if (log_verbose() > 0) {
        std::string_view family = client_.is_ipv6 ? "AF_INET6" : "AF_INET";
        log_info("connect ({} {})", is_ip ? family : "AF_LOCAL", client_.address);
    }
}

Session::Next Session::take_content() {
    std::string kept;
    std::size_t count = content_.take(stream_.buffered(), capture_ ? &kept : nullptr);
    stream_.consume(count);
    if (capture_) {
        capture_->write(kept);
    }
    if (!content_.at_end()) {
        return Next::kReadMore;
    }
    in_content_ = false;
    if (log_verbose() > 0) {
        log_info(".");
    }
    if (capture_) {
        capture_->finish();
        capture_.reset();
    }
    tally_.message_received();
    transaction_ends_ = true;
    return arrive(Verb::kDot, {});
}

// Only CRLF ends a command, and a NUL its text.
Session::Next Session::take_command() {
    std::string_view input = stream_.buffered();
    auto end = input.find("\r\n");
    if (std::min(end, input.size()) > kLineLimit) {
        log_warning("command line too long");
        return Next::kClose;
    }
    if (end == std::string_view::npos) {
        return Next::kReadMore;
    }
    std::string_view line = input.substr(0, end);
    line = line.substr(0, line.find('\0'));
    if (log_verbose() > 0) {
        log_info("{}", line);
    }
    line = trim_left(line, " \t");
    auto blank = std::min(line.find_first_of(" \t"), line.size());
    std::string_view word = line.substr(0, blank);
    std::string_view arguments = line.substr(std::min(blank + 1, line.size()));
    auto verb = verb_of(word);
    Next next = Next::kGoOn;
    if (word.empty()) {
        stream_.write("500 5.5.2 Error: unknown command\r\n");
    } else if (!verb || *verb == Verb::kConnect || settings_.at(*verb).unknown) {
        stream_.write("500 5.5.1 Error: unknown command\r\n");
    } else {
        next = arrive(*verb, arguments);
    }
    stream_.consume(end + 2);
    return next;
}

// What is done before the reply to a command: hanging up comes before any delay.
Session::Next Session::arrive(Verb verb, std::string_view arguments) {
    const AtVerb& at = settings_.at(verb);
    if (at.is_logged) {
        ::syslog(LOG_INFO, "%s",
                 format("{} {}", verb == Verb::kConnect ? "connect" : name_of(verb),
                        arguments.substr(0, 100))
                     .c_str());
    }
    if (at.hangs_up) {
        return Next::kClose;
    }
    if (at.delay.count() > 0) {
        delay_ = at.delay * (at.delay_odds > 0 ? rolls(at.delay_odds) - 1 : 1);
        delayed_ = verb;
        delayed_arguments_ = arguments;
        return Next::kPause;
    }
    return answer(verb, arguments);
}

Session::Next Session::answer(Verb verb, std::string_view arguments) {
    const AtVerb& at = settings_.at(verb);
    if (at.closes) {
        stream_.write("421 4.0.0 Server closing connection\r\n");
        return Next::kClose;
    }
    if (at.hard_error || at.soft_error) {
        refuse(verb, at.hard_error ? settings_.hard_reply : settings_.soft_reply);
        return Next::kGoOn;
    }
    switch (verb) {
        case Verb::kConnect:
            greet();
            break;
        case Verb::kHelo:
            hello("SMTP", arguments);
            stream_.write("250 " + settings_.host_name + "\r\n");
            break;
        case Verb::kEhlo:
        case Verb::kLhlo:
            hello(settings_.lmtp ? "LMTP" : "ESMTP", arguments);
            stream_.write(ehlo_reply(settings_));
            break;
        case Verb::kMail:
            return answer_mail(arguments);
        case Verb::kRcpt:
            return answer_rcpt(arguments);
        case Verb::kData:
            return answer_data();
        case Verb::kDot:
            return answer_dot();
        case Verb::kRset:
            forget_transaction();
            stream_.write("250 2.1.0 Ok\r\n");
            break;
        case Verb::kQuit:
            stream_.write("221 Bye\r\n");
            tally_.quit();
            return Next::kClose;
        default:
            stream_.write("250 2.0.0 Ok\r\n");
    }
    return Next::kGoOn;
}

// LMTP's content is refused for each recipient (RFC 2033 4.2).
void Session::refuse(Verb verb, const std::string& reply) {
    int times = verb == Verb::kDot && settings_.lmtp ? recipients_ : 1;
    for (; times > 0; --times) {
        stream_.write(reply);
        stream_.write("\r\n");
    }
    if (verb == Verb::kDot && transaction_ends_) {
        forget_transaction();
    }
}

void Session::greet() {
    if (settings_.looks_like_pix) {
        stream_.write("220 ********\r\n");
        return;
    }
    stream_.write("220 " + settings_.host_name + (settings_.esmtp ? " ESMTP\r\n" : "\r\n"));
}

void Session::hello(std::string_view protocol, std::string_view arguments) {
    forget_transaction();
    client_.protocol = protocol;
    if (!settings_.dump_template.empty()) {
        hello_ = trim_left(arguments);
        client_.hello = hello_;
        client_.said_hello = true;
    }
}

void Session::forget_transaction() {
    has_sender_ = false;
    transaction_ends_ = false;
    recipients_ = 0;
    capture_.reset();
}

Session::Next Session::answer_mail(std::string_view arguments) {
    if (has_sender_) {
        stream_.write("503 5.5.1 Error: nested MAIL command\r\n");
        return Next::kGoOn;
    }
    has_sender_ = true;
    if (!settings_.dump_template.empty()) {
        mail_arguments_ = after_colon(arguments);
    }
    stream_.write("250 2.1.0 Ok\r\n");
    return Next::kGoOn;
}

Session::Next Session::answer_rcpt(std::string_view arguments) {
    if (!has_sender_) {
        stream_.write("503 5.5.1 Error: need MAIL command\r\n");
        return Next::kGoOn;
    }
    ++recipients_;
    if (!settings_.dump_template.empty()) {
        if (!capture_) {
            capture_ = std::make_unique<Capture>(settings_, client_, mail_arguments_);
        }
        capture_->recipient(after_colon(arguments));
    }
    stream_.write("250 2.1.5 Ok\r\n");
    return Next::kGoOn;
}

Session::Next Session::answer_data() {
    if (recipients_ == 0) {
        stream_.write("503 5.5.1 Error: need RCPT command\r\n");
        return Next::kGoOn;
    }
    stream_.write("354 End data with <CR><LF>.<CR><LF>\r\n");
    if (settings_.abort_delay) {
        return Next::kAbort;
    }
    if (capture_) {
        capture_->begin_content(client_);
    }
    in_content_ = true;
    content_.begin();
    return settings_.data_read_delay.count() > 0 ? Next::kReadLater : Next::kGoOn;
}

Session::Next Session::answer_dot() {
    for (int replies = settings_.lmtp ? recipients_ : 1; replies > 0; --replies) {
        stream_.write(settings_.lmtp ? "250 2.2.0 Ok\r\n" : "250 2.0.0 Ok\r\n");
    }
    if (transaction_ends_) {
        forget_transaction();
    }
    return Next::kGoOn;
}

}  // namespace relais::smtp_sink
