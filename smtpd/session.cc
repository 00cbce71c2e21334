// One SMTP session: see the header.
#include "smtpd/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/dns/host_lookup.h"
#include "lib/event/errors.h"
#include "lib/mail/address.h"
#include "lib/mail/header.h"
#include "lib/smtp/reply.h"
#include "lib/tls/tls_session.h"

#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Longer lines are cut; what is beyond is read and dropped.
constexpr std::size_t kMaxPipelinedShown = 100;
constexpr std::size_t kLongLineShown = 30;

// What a passed connection was told about its client.
std::string passed_value(const Attributes& attributes, std::string_view name) {
    for (const auto& [key, value] : attributes) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

// "\r\n" and other unprintable bytes as C would write them.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, kMaxPipelinedShown)) {
        if (c == '\r') {
            out += "\\r";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\\') {
            out += "\\\\";
        } else if (is_print(c)) {
            out += c;
        } else {
            out += format("\\{:03o}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace

Session::Session(Site& shared, Connection connection)
    : site(shared),
      stream(std::make_unique<Stream>(std::move(connection.fd))),
      on_stdio_(connection.on_stdio),
      passed_(std::move(connection.attributes)) {
    stream->set_timeout(conf().smtpd_timeout());
}

Session::~Session() = default;

Task<void> Session::identify_client() {
    if (on_stdio_) {
        client.name = client.reverse_name = "localhost";
        client.address = "127.0.0.1";
        client.family = AF_INET;
        client.name_code = client.reverse_name_code = 2;
        client.make_label();
        co_return;
    }
    auto peer = SocketAddress::peer_of(stream->fd());
    auto local = SocketAddress::local_of(stream->fd());
    if (const auto address = passed_value(passed_, "client_address"); !address.empty()) {
        const auto port = parse_uint(passed_value(passed_, "client_port")).value_or(0);
        peer = SocketAddress::parse(address, static_cast<std::uint16_t>(port));
        server_address = passed_value(passed_, "server_address");
        server_port = passed_value(passed_, "server_port");
    } else if (local && local->is_ip()) {
        server_address = local->host();
        server_port = std::to_string(local->port());
    }
    passed_.clear();
    if (peer && peer->is_ip()) {
        client.address = peer->host();
        client.port = std::to_string(peer->port());
        client.family = client.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
        if (conf().smtpd_peername_lookup()) {
            const auto found = co_await resolve_client_name(site.dns.get(), *peer);
            client.name = found.name;
            client.reverse_name = found.reverse_name;
            client.name_code = static_cast<int>(found.name_code);
            client.reverse_name_code = static_cast<int>(found.reverse_code);
        }
    } else if (peer) {
        client.name = client.reverse_name = "localhost";
        client.address = "127.0.0.1";
        client.family = AF_INET;
        client.name_code = client.reverse_name_code = 2;
    }
    // Who has hung up already is nobody that is known, and not one of us.
    client.make_label();
}

// Whatever ends a session ends it here.
Task<void> Session::run() {
    auto ending = Ending::kOrderly;
    bool cancelled = false;
    try {
        co_await identify_client();
        log_info("connect from {}", client.label);
        co_await converse();
        ending = too_many_errors_ ? Ending::kTooManyErrors : Ending::kOrderly;
    } catch (const TimedOut&) {
        ending = Ending::kTimeout;
    } catch (const IoError&) {
        ending = Ending::kLostConnection;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    log_ending(ending);
    if (mail.cleanup && !cancelled) {
        // What was on its way arrives, so that cleanup can tell what it throws away.
        (void)co_await mail.cleanup->flush();
    }
    reset_mail();
    if (!cancelled) {
        co_await say_goodbye(ending);
    }
    if ((trouble & site.notices) != 0 && !on_stdio_ && !cancelled) {
        co_await send_notice(*this);
    }
    log_disconnect();
    co_await leave_anvil();
}

Task<void> Session::say_goodbye(Ending ending) {
    if (ending == Ending::kLostConnection) {
        co_return;
    }
    try {
        if (ending == Ending::kTimeout) {
            // What the client did not take before the deadline is not sent again in front of this.
            reply(format("421 4.4.2 {} Error: timeout exceeded", site.hostname));
            stream->set_timeout(std::chrono::seconds(1));
        }
        co_await stream->flush();
    } catch (const std::exception& error) {
        // The client is gone, or does not listen: it is over either way.
        if (log_verbose() > 0) {
            log_info("{}: {}", client.label, error.what());
        }
    }
}

void Session::log_ending(Ending ending) const {
    std::string_view reason;
    switch (ending) {
        case Ending::kOrderly:
            return;
        case Ending::kLostConnection:
            reason = "lost connection";
            break;
        case Ending::kTimeout:
            reason = "timeout";
            break;
        case Ending::kTooManyErrors:
            reason = "too many errors";
            break;
    }
    if (client.label.empty()) {
        return;  // gone before it was even named
    }
    if (where == "DATA content") {
        log_info("{} after DATA ({} bytes) from {}", reason, mail.content_size, client.label);
    } else if (ending != Ending::kLostConnection || where != "END-OF-MESSAGE") {
        log_info("{} after {} from {}", reason, where, client.label);
    }
}

void Session::log_disconnect() const {
    if (!client.label.empty()) {
        log_info("disconnect from {} {}", client.label, command_summary(counts_));
    }
}

void Session::reply(std::string_view text) {
    std::string soft;
    if (conf().soft_bounce() && text.starts_with('5')) {
        soft = smtp::soften_reply(text);
        text = soft;
    }
    const bool refused = text.starts_with('4') || text.starts_with('5');
    if (const auto& footer = conf().smtpd_reject_footer(); refused && !footer.empty()) {
        // RFC 5321 4.2.1: the footer is one more line of the same reply.
        std::string whole(text);
        const auto parts = smtp::split_reply(text);
        auto expanded = footer;
        for (const auto& [name, value] :
             {std::pair<std::string_view, std::string_view>{"$client_address", client.address},
              {"$client_name", client.name},
              {"$server_name", site.hostname}}) {
            for (auto at = expanded.find(name); at != std::string::npos; at = expanded.find(name)) {
                expanded.replace(at, name.size(), value);
            }
        }
        const std::string dsn = parts.dsn ? parts.dsn->to_string() + " " : "";
        for (std::size_t at = 0; at != std::string::npos;) {
            const auto next = expanded.find("\\n", at);
            whole += '\n';
            whole += dsn + expanded.substr(at, next == std::string::npos ? next : next - at);
            at = next == std::string::npos ? next : next + 2;
        }
        send_reply(smtp::format_reply(whole));
    } else {
        send_reply(smtp::format_reply(text));
    }
    trouble |= notice_class_of(text);
    if (text.starts_with("421") || text.starts_with("521")) {
        hang_up();
    }
}

void Session::log_event(std::string_view verb, std::string_view text) const {
    auto line = format("{}: {}: {} from {}: {};", queue_id(), verb, where, client.label, text);
    const auto& sender = logged_sender ? logged_sender : mail.sender;
    if (sender) {
        line += format(" from=<{}>", quote_address(*sender));
    }
    if (logged_recipient) {
        line += format(" to=<{}>", quote_address(*logged_recipient));
    }
    line += extended ? " proto=ESMTP" : " proto=SMTP";
    if (!helo.empty()) {
        line += format(" helo=<{}>", helo);
    }
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
}

void Session::send_reply(std::string_view formatted) {
    transcript.out(formatted);
    stream->write(formatted);
}

std::string Session::with_protocol() const {
    std::string word = mail.parameters.smtputf8 ? "UTF8SMTP" : extended ? "ESMTP" : "SMTP";
    word += tls ? "S" : "";
    word += login.authenticated() ? "A" : "";
    return word;
}

void Session::reset_mail() {
    mail = Transaction();
    checks.recipient_listed_checked = false;
    checks.sender_listed_checked = false;
    logged_recipient.reset();
    logged_sender.reset();
}

void Session::reset_hello() {
    reset_mail();
    helo.clear();
}

Task<void> Session::start_tls() {
    co_await stream->flush();
    TlsAcceptOptions options;
    options.peer = client.label;
    options.timeout = conf().smtpd_starttls_timeout();
    if (!stand_alone()) {
        co_await site.ticket_keys.ready();
    }
    auto accepted = co_await tls_accept(stream.get(), site.tls.get(), std::move(options));
    if (!accepted) {
        throw IoError(accepted.error().message);
    }
    tls = std::make_unique<TlsInfo>(std::move(*accepted));
    if (site.client_certificate_required && tls->trust < TlsTrust::kTrusted) {
        co_await refuse_stranger();
    }
}

// smtpd_tls_req_ccert: the client hears why at its next command, whatever that is.
Task<void> Session::refuse_stranger() {
    const std::string_view why = tls->has_certificate() ? "Client certificate not trusted"
                                                        : "No client certificate presented";
    log_info("{}: abort: TLS from {}: {}", queue_id(), client.label, why);
    (void)co_await read_line(static_cast<std::size_t>(conf().line_length_limit()));
    reply(format("421 4.7.1 {} Error: {}", site.hostname, why));
    trouble |= kNoticePolicy;
}

Task<void> Session::greet() {
    if (!conf().smtpd_delay_reject()) {
        auto denied = co_await check_client(*this);
        if (!denied.empty()) {
            reply(denied);
            checks.access_denied = std::move(denied);
            co_return;
        }
    }
    reply("220 " + site.banner);
}

// What comes before the reply that it should have waited for.  RFC 2920 3.1
bool Session::refuse_early_input(std::string_view after) {
    if (stream->buffered().empty() || on_stdio_) {  // a file or pipe has all at once
        return false;
    }
    if (!early_input_seen_) {
        log_info("improper command pipelining after {} from {}: {}", after, client.label,
                 escaped(stream->buffered()));
    }
    early_input_seen_ = true;
    if (!conf().smtpd_forbid_unauth_pipelining()) {
        return false;
    }
    reply("554 5.5.0 Error: SMTP protocol synchronization");
    hang_up();
    return true;
}

Task<void> Session::converse() {
    const int on = 1;
    ::setsockopt(stream->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    xclient_allowed =
        co_await site.clients.xclient.match(client.name, client.address) == Match::kYes;
    xforward_allowed =
        co_await site.clients.xforward.match(client.name, client.address) == Match::kYes;
    const bool refused = co_await refuse_crowd();
    if (refused) {
        co_return;
    }
    discarded = site.discarded_keywords;
    if (!site.ehlo_keyword_maps.empty()) {
        const auto found = co_await site.ehlo_keyword_maps.lookup(client.address);
        discarded = found.is_found() ? parse_ehlo_keywords(found.value()) : discarded;
        features_unknown = found.is_error();
    }
    if (site.wrapper_mode && !on_stdio_) {
        if (!site.tls) {
            reply(format("421 4.3.5 {} Server configuration error", site.hostname));
            co_return;
        }
        co_await start_tls();
        if (hang_up_) {
            co_return;
        }
    }
    co_await greet();
    while (!hang_up_) {
        if (errors >= conf().smtpd_hard_error_limit()) {
            too_many_errors_ = true;
            reply(format("421 4.7.0 {} Error: too many errors", site.hostname));
            co_return;
        }
        co_await next_command();
    }
}

Task<std::string> Session::read_line(std::size_t limit) {
    std::string line;
    bool cut = false;
    for (;;) {
        const auto input = stream->buffered();
        const auto newline = input.find('\n');
        const auto take = newline == std::string_view::npos ? input.size() : newline;
        cut = cut || line.size() + take > limit;
        line += input.substr(0, std::min(take, limit - line.size()));
        if (newline != std::string_view::npos) {
            bare_newline_ = newline == 0 ? !line.ends_with('\r') : input[newline - 1] != '\r';
            stream->consume(newline + 1);
            break;
        }
        stream->consume(take);
        const bool more = co_await stream->fill();
        if (!more) {
            throw EndOfStream();
        }
    }
    if (line.ends_with('\r')) {
        line.pop_back();
    }
    // As Postfix reads it: what is behind a NUL must not be seen by one program and hidden from
    // the next.
    line.resize(std::min(line.find('\0'), line.size()));
    line_cut_ = cut;
    if (cut) {
        log_warning("{}: request longer than {}: {}...", client.label, limit,
                    printable(line.substr(0, kLongLineShown)));
    }
    co_return line;
}

Task<void> Session::next_command() {
    if (conf().smtpd_per_request_deadline()) {
        // The time limit is for the whole command, not for each byte of it.
        stream->set_deadline(Deadline::after(conf().smtpd_timeout()));
    }
    const auto line = co_await read_line(static_cast<std::size_t>(conf().line_length_limit()));
    if (bare_newline_ && site.bare_newline == smtp::BareNewline::kReject) {
        const auto excluded =
            co_await site.clients.bare_newlines.match(client.name, client.address);
        if (excluded != Match::kYes) {
            log_event("reject", "bare <LF> received");
            reply(format("{} 5.5.2 {} Error: bare <LF> received",
                         conf().smtpd_forbid_bare_newline_reject_code(), site.hostname));
            hang_up();
            co_return;
        }
    }
    if (conf().smtpd_per_request_deadline()) {
        stream->set_deadline({});
    }
    transcript.in(line);
    const auto command = smtp::parse_command_line(line);
    if (command.verb.empty()) {
        reply("500 5.5.2 Error: bad syntax");
        errors += 1;
    } else if (conf().smtputf8_enable() && !is_utf8(line.substr(0, line.find('\0')))) {
        reply("500 5.5.2 Error: bad UTF-8 syntax");
        errors += 1;
    } else {
        co_await execute(command, line);
    }
    // Clients that make errors are slowed down: the replies wait, and so do they.
    if (errors >= conf().smtpd_soft_error_limit() && conf().smtpd_error_sleep_time().count() > 0) {
        co_await sleep_for(conf().smtpd_error_sleep_time());
    }
}

Task<bool> Session::is_forbidden(std::string_view verb) {
    if (is_header(verb)) {
        co_return true;
    }
    const auto match = co_await site.clients.forbidden_commands.match(std::string(verb));
    co_return match == Match::kYes;
}

Task<void> Session::execute(const smtp::CommandLine& command, std::string_view line) {
    if (!site.clients.noop_commands.empty()) {
        const auto ignored = co_await site.clients.noop_commands.match(std::string(command.verb));
        if (ignored == Match::kYes) {
            reply("250 2.0.0 Ok");
            errors += junk++ > conf().smtpd_junk_command_limit() ? 1 : 0;
            co_return;
        }
    }
    const auto index = find_command(command.verb);
    const auto& info = command_table()[index];
    counts_[index].total += 1;
    if (info.run == nullptr) {
        where = "UNKNOWN";
        const bool forbidden = co_await is_forbidden(command.verb);
        if (forbidden) {
            log_warning("non-SMTP command from {}: {}", client.label, escaped(line));
            reply("221 2.7.0 Error: I can break rules, too. Goodbye.");
            hang_up();
            co_return;
        }
    }
    if (!checks.access_denied.empty() && info.run != cmd_quit) {
        reply(format("503 5.7.0 Error: access denied for {}", client.label));
        errors += 1;
        co_return;
    }
    if (info.run == nullptr) {
        reply("500 5.5.2 Error: command not recognized");
        errors += 1;
        co_return;
    }
    if (site.tls_level >= TlsLevel::kEncrypt && !tls && !on_stdio_ &&
        (info.traits & kPreTls) == 0) {
        reply("530 5.7.0 Must issue a STARTTLS command first");
        errors += 1;
        co_return;
    }
    where = info.name;
    if (((info.traits & kLast) != 0 || !extended) && info.run != cmd_quit &&
        refuse_early_input(info.name)) {
        co_return;
    }
    const CommandInput input{command, line};
    const auto outcome = co_await info.run(*this, input);
    if (outcome == Outcome::kDone) {
        counts_[index].good += 1;
    } else if (outcome == Outcome::kFailed) {
        errors += 1;
    }
    if ((info.traits & kJunk) != 0 && junk++ > conf().smtpd_junk_command_limit()) {
        errors += 1;
    }
}

}  // namespace relais::smtpd
