#include "imapd/lmtpd/session.h"

#include <algorithm>
#include <array>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/tls/random.h"
#include "lib/tls/tls_session.h"

namespace relais::lmtpd {

namespace {

constexpr std::size_t kLongestLine = 8192;  // with recipients of any length that has a use
constexpr std::size_t kIdBytes = 16;
constexpr int kMostErrors = 20;  // in a row

}  // namespace

Session::Session(Site& site, Stream& stream) : site_(site), stream_(stream) {
    stream_.set_timeout(conf().lmtpd_timeout());
    if (auto peer = SocketAddress::peer_of(stream_.fd()); peer && peer->is_ip()) {
        remote_ = peer->host();
    }
    session_id_ = trim_right(base64_encode(random_bytes(kIdBytes)), "=");
}

void Session::reply(std::string_view text) {
    // Recipients that are refused are no fault of a client that hands on other people's mail.
    errors_ = text.starts_with("500 ") ? errors_ + 1 : 0;
    stream_.write(text);
    stream_.write("\r\n");
}

std::string Session::id() const {
    return transactions_ > 1 ? format("{}:T{}", session_id_, transactions_) : session_id_;
}

std::string Session::id_for(std::size_t recipient) const {
    return recipient > 0 ? format("{}:R{}", id(), recipient + 1) : id();
}

void Session::reset() {
    mail_ = Transaction();
    show("READY");
}

void Session::show(std::string state) {
    if (title_) {
        title_->show(std::move(state));
    }
}

Task<void> Session::run() {
    title_.emplace(site_.title(), remote_);
    std::string end;
    try {
        co_await converse();
        co_await stream_.flush();
    } catch (const TimedOut&) {
        end = "timeout";
    } catch (const IoError& error) {
        end = error.what();
    }
    if (!end.empty() && mail_.given) {
        log_info("{}: {} in the middle of a transaction from {}", id(), end,
                 remote_.empty() ? "local" : remote_);
    }
}

Task<void> Session::converse() {
    trusted_ = co_await site_.trusted_proxies().include(remote_);
    stream_.write(format("220 {}\r\n", conf().lmtpd_banner()));
    while (!done_) {
        auto line = co_await read_line();
        if (!line) {
            co_return;
        }
        co_await obey(std::move(*line));
        if (errors_ > kMostErrors) {
            stream_.write("421 4.7.0 Too many errors\r\n");
            co_return;
        }
    }
}

// Without its line end; nothing at the end of the stream.
Task<std::optional<std::string>> Session::read_line() {
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > kLongestLine) {
            stream_.write("500 5.5.2 Line too long\r\n");
            co_await stream_.flush();
            co_return std::nullopt;
        }
        if (end != std::string_view::npos) {
            std::string line(trim_right(input.substr(0, end), "\r"));
            stream_.consume(end + 1);
            co_return line;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            co_return std::nullopt;
        }
    }
}

const Session::Verb* Session::find_verb(std::string_view name) {
    static constexpr std::array<Verb, 11> kVerbs = {{
        {"BDAT", &Session::cmd_bdat},
        {"DATA", &Session::cmd_data},
        {"LHLO", &Session::cmd_lhlo},
        {"MAIL", &Session::cmd_mail},
        {"NOOP", &Session::cmd_noop},
        {"QUIT", &Session::cmd_quit},
        {"RCPT", &Session::cmd_rcpt},
        {"RSET", &Session::cmd_rset},
        {"STARTTLS", &Session::cmd_starttls},
        {"VRFY", &Session::cmd_vrfy},
        {"XCLIENT", &Session::cmd_xclient},
    }};
    auto found =
        std::ranges::find_if(kVerbs, [name](const Verb& verb) { return iequals(verb.name, name); });
    return found == kVerbs.end() ? nullptr : &*found;
}

Task<void> Session::obey(std::string line) {
    smtp::CommandLine command = smtp::parse_command_line(line);
    const Verb* verb = find_verb(command.verb);
    bool before_tls = verb != nullptr &&
                      (verb->run == &Session::cmd_lhlo || verb->run == &Session::cmd_starttls ||
                       verb->run == &Session::cmd_noop || verb->run == &Session::cmd_quit ||
                       (verb->run == &Session::cmd_xclient && !trusted_));
    if (verb == nullptr) {
        reply(iequals(command.verb, "AUTH") ? "502 5.5.1 Unsupported command"
                                            : "500 5.5.1 Unknown command");
    } else if (site_.tls_required() && !secured_ && !before_tls) {
        reply("530 5.7.0 TLS required.");
        done_ = verb->run == &Session::cmd_bdat;  // what follows would be taken for commands
    } else {
        co_await (this->*verb->run)(&command);
    }
}

Task<void> Session::cmd_lhlo(const smtp::CommandLine* line) {
    if (line->arguments.empty()) {
        reply("501 Missing hostname");
        co_return;
    }
    helo_ = printable(line->arguments.front().text, '?', Utf8::kNo).substr(0, 255);
    reset();
    std::string text = format("250-{}\r\n250-8BITMIME\r\n250-CHUNKING\r\n", conf().myhostname());
    text += "250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n";
    if (conf().message_size_limit() > 0) {
        text += format("250-SIZE {}\r\n", conf().message_size_limit());
    }
    if (site_.tls() != nullptr && !secured_) {
        text += "250-STARTTLS\r\n";
    }
    if (trusted_) {
        text += "250-XCLIENT ADDR TTL\r\n";
    }
    reply(text + "250 SMTPUTF8");
}

Task<void> Session::cmd_starttls(const smtp::CommandLine* line) {
    if (site_.tls() == nullptr || secured_) {
        reply(secured_ ? "443 5.5.1 TLS is already active."
                       : "502 5.5.1 TLS support is not enabled.");
        co_return;
    }
    if (!line->arguments.empty()) {
        reply("501 5.5.4 Invalid parameters");
        co_return;
    }
    reply("220 2.0.0 Begin TLS negotiation now.");
    co_await stream_.flush();
    TlsAcceptOptions options;
    options.peer = "unknown[" + remote_ + "]";
    options.timeout = stream_.timeout();
    auto info = co_await tls_accept(&stream_, site_.tls(), options);
    if (!info) {
        throw IoError(info.error().message);
    }
    // RFC 3207 4.2: nothing that was said before counts any longer.
    secured_ = true;
    helo_.clear();
    reset();
}

Task<void> Session::cmd_data(const smtp::CommandLine* line) {
    if (!mail_.given || mail_.recipients.empty()) {
        reply(mail_.given ? "503 5.5.0 No valid recipients" : "503 5.5.0 MAIL needed first");
    } else if (!line->arguments.empty()) {
        reply("501 5.5.4 Invalid parameters");
    } else if (mail_.message) {
        reply("503 5.5.0 DATA is not allowed after BDAT");
    } else {
        reply("354 OK");
        begin_content();
        co_await receive_data();
        co_await end_message();
    }
}

Task<void> Session::cmd_bdat(const smtp::CommandLine* line) {
    auto chunk = smtp::parse_bdat(*line);
    if (!chunk) {
        reply("501 5.5.4 Invalid parameters");
        done_ = true;  // how much follows is unknown
        co_return;
    }
    std::string refusal = !mail_.given               ? "503 5.5.0 MAIL needed first"
                          : mail_.recipients.empty() ? "503 5.5.0 No valid recipients"
                          : mail_.chunk_failed
                              ? "503 5.5.0 Previous data chunk failed, issue RSET first"
                              : "";
    if (!refusal.empty()) {
        co_await skip_chunk(chunk->size);
        mail_.chunk_failed = mail_.given;
        reply(refusal);
        co_return;
    }
    if (!mail_.message) {
        begin_content();
    }
    co_await receive_chunk(chunk->size);
    if (!chunk->last) {
        reply(format("250 2.0.0 Added {} octets", chunk->size));
        co_return;
    }
    smtp::DataDecoder::Line rest;
    if (mail_.chunks->finish(rest)) {
        mail_.message->write(rest.text, LineEnd::kNo);
    }
    co_await end_message();
}

Task<void> Session::cmd_rset(const smtp::CommandLine* /*line*/) {
    reset();
    reply("250 2.0.0 OK");
    co_return;
}

Task<void> Session::cmd_noop(const smtp::CommandLine* /*line*/) {
    reply("250 2.0.0 OK");
    co_return;
}

// A proxy tells with it for whom it connects, as Dovecot's do; the session begins anew.
Task<void> Session::cmd_xclient(const smtp::CommandLine* line) {
    if (!trusted_) {
        reply("550 5.7.14 You are not from trusted IP");
        co_return;
    }
    if (mail_.given) {
        reply("503 5.5.0 MAIL transaction in progress");
        co_return;
    }
    for (const auto& argument : line->arguments) {
        auto parts = split_first(argument.text, '=');
        auto number = parts ? parse_uint(parts->second) : std::nullopt;
        std::string_view value = parts ? parts->second : "";
        if (parts && iequals(parts->first, "ADDR")) {
            value.remove_prefix(istarts_with(value, "IPV6:") ? 5 : 0);
            auto address = SocketAddress::parse(value, 0);
            remote_ = address ? address->host() : remote_;
        } else if (parts && iequals(parts->first, "TTL") && number && *number > 0) {
            hops_left_ = static_cast<int>(std::min<std::uint64_t>(*number, kMostProxyHops));
        }
    }
    helo_.clear();
    reply(format("220 {}", conf().lmtpd_banner()));
}

Task<void> Session::cmd_vrfy(const smtp::CommandLine* line) {
    reply(line->arguments.empty() ? "501 5.5.4 Invalid parameters" : "252 2.3.3 Try RCPT instead");
    co_return;
}

Task<void> Session::cmd_quit(const smtp::CommandLine* /*line*/) {
    reply("221 2.0.0 Bye");
    done_ = true;
    co_return;
}

}  // namespace relais::lmtpd
