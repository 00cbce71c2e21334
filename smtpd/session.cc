// One SMTP session: see the header.
#include "smtpd/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "lib/base/escape.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/daemon/upstream_proxy.h"
#include "lib/dns/host_lookup.h"
#include "lib/event/errors.h"
#include "lib/mail/address.h"
#include "lib/mail/header.h"
#include "lib/smtp/reply.h"
#include "lib/tls/tls_session.h"

#include "smtpd/chunks.h"
#include "smtpd/proxy_filter.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Transaction::Transaction() = default;
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;

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

}  // namespace

Session::Session(Site& shared, Connection connection)
    : site(shared),
      stream(std::make_unique<Stream>(std::move(connection.fd))),
      on_stdio_(connection.on_stdio),
      passed_(std::move(connection.attributes)) {
    stream->set_timeout(conf().smtpd_timeout());
}

Session::~Session() = default;

Task<bool> Session::identify_client() {
    if (on_stdio_) {
        client.name = client.reverse_name = "localhost";
        client.address = "127.0.0.1";
        client.family = AF_INET;
        client.name_code = client.reverse_name_code = 2;
        client.make_label();
        co_return true;
    }
    auto peer = SocketAddress::peer_of(stream->fd());
    auto local = SocketAddress::local_of(stream->fd());
    bool known = true;
    if (passed_.empty() && !conf().smtpd_upstream_proxy_protocol().empty()) {
        known = co_await ask_upstream_proxy(
            stream->fd(), Deadline::after(conf().smtpd_upstream_proxy_timeout()), &peer, &local);
    }
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
            const auto found = co_await resolve_client_name(site.host_resolver(), *peer);
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
    co_return known;
}

// Whatever ends a session ends it here.
Task<void> Session::run() {
    auto ending = Ending::kOrderly;
    bool cancelled = false;
    bool silent = false;
    try {
        const bool known = co_await identify_client();
        log_info("connect from {}", client.label);
        verbosity = co_await site.clients.debugged.verbosity(client.name, client.address);
        if (known) {
            co_await converse();
        } else {
            reply(format("421 4.3.0 {} Server local error", site.hostname));
            trouble = 0;  // not this server's: the log has it
        }
        ending = too_many_errors_ ? Ending::kTooManyErrors : Ending::kOrderly;
    } catch (const TimedOut&) {
        ending = Ending::kTimeout;
    } catch (const IoError&) {
        ending = Ending::kLostConnection;
    } catch (const HungUp&) {
        silent = true;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    log_ending(ending);
    if (mail.cleanup && !cancelled) {
        // What was on its way arrives, so that cleanup can tell what it throws away.
        (void)co_await mail.cleanup->flush();
    }
    reset_mail();
    if (!cancelled && !silent) {
        co_await say_goodbye(ending);
        if (!helo.empty()) {
            milters.end_greeting();
        }
        co_await milters.quit();
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
        co_await release_replies();
        co_await stream->flush();
        if (!conf().tls_fast_shutdown_enable()) {
            co_await tls_end(stream.get(), conf().smtpd_starttls_timeout());
        }
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
    } else if (where == "BDAT content" && mail.chunks) {
        log_info("{} after BDAT ({} bytes) from {}", reason,
                 mail.content_size + mail.chunks->decoder.pending(), client.label);
    } else if (ending != Ending::kLostConnection || where != "END-OF-MESSAGE") {
        log_info("{} after {} from {}", reason, where, client.label);
    }
}

void Session::log_disconnect() const {
    if (!client.label.empty()) {
        log_info("disconnect from {} {}", client.label, command_summary(counts_));
    }
}

void Session::log_event(std::string_view verb, std::string_view text) const {
    const auto line = format("{}: {}: {} from {}: {};{}", queue_id(), verb, where, client.label,
                             text, who_and_how());
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
}

std::string Session::who_and_how() const {
    std::string words;
    if (sender()) {
        words += format(" from=<{}>", quote_address(*sender()));
    }
    if (logged_recipient) {
        words += format(" to=<{}>", quote_address(*logged_recipient));
    }
    words += extended ? " proto=ESMTP" : " proto=SMTP";
    if (!helo.empty()) {
        words += format(" helo=<{}>", helo);
    }
    return words;
}

// "> CLIENT: 250 2.1.0 Ok", for those who look for trouble.
void Session::log_words(char direction, std::string_view lines) const {
    if (verbosity <= 0) {
        return;
    }
    for (const auto line : split_fields(trim_right(lines, "\r\n"), '\n')) {
        log_info("{} {}: {}", direction, client.label,
                 printable(trim_right(line, "\r"), '?', utf8_mode()));
    }
}

void Session::send_reply(std::string_view formatted) {
    log_words('>', formatted);
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
    milters.end_message();
    mail = Transaction();
    forwarded.reset();
    checks.recipient_listed_checked = false;
    checks.sender_listed_checked = false;
    logged_recipient.reset();
    logged_sender.reset();
}

void Session::reset_hello() {
    if (!helo.empty()) {
        milters.end_greeting();
    }
    reset_mail();
    helo.clear();
}

Task<void> Session::start_tls() {
    co_await stream->flush();
    TlsAcceptOptions options;
    options.peer = client.label;
    options.timeout = conf().smtpd_starttls_timeout();
    if (!site.server_names.empty()) {
        options.chain_for = [this](std::string name) {
            return site.server_names.chain_for(std::move(name));
        };
    }
    if (!stand_alone()) {
        co_await site.ticket_keys.ready();
        co_await site.tls_sessions.ready();
        options.sessions = &site.tls_sessions;
        options.session_service = site.service_name;
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
    hang_up();
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
    const auto greeting = co_await milters.connect();
    errors += greeting.starts_with('5') ? 1 : 0;
    reply(greeting);
}

// What comes before the reply that it should have waited for.  RFC 2920 3.1
bool Session::refuse_early_input(std::string_view after) {
    if (stream->buffered().empty() || on_stdio_) {  // a file or pipe has all at once
        return false;
    }
    if (!early_input_seen_) {
        log_info("improper command pipelining after {} from {}: {}", after, client.label,
                 escaped(stream->buffered().substr(0, kMaxPipelinedShown)));
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
    co_await find_rights();
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
        co_await site.refresh_certificates();
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
    co_await release_replies();
    while (!hang_up_) {
        if (errors >= conf().smtpd_hard_error_limit()) {
            too_many_errors_ = true;
            reply(format("421 4.7.0 {} Error: too many errors", site.hostname));
            co_return;
        }
        co_await next_command();
        co_await release_replies();
    }
    if (elsewhere) {
        co_await stay_elsewhere(this);
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

void Session::refuse_without_data() {
    const auto text = format("421 4.3.0 {} Server local data error", site.hostname);
    log_info("{}: reject: {} from {}: {}", queue_id(), where, client.label, text);
    reply(text);
    hang_up();  // the reply itself may wait for its footer
}

// smtpd_command_filter
Task<std::string> Session::filtered_command(std::string line) {
    const auto found = co_await site.command_filter.lookup(std::string(trim_left(line, " \t")));
    if (found.is_found()) {
        log_info("{}: replacing command \"{}\" with \"{}\"", client.label,
                 printable(line, '?', utf8_mode()), printable(found.value(), '?', utf8_mode()));
        co_return std::string(found.value());
    }
    if (found.is_error()) {
        log_warning("{} lookup error for \"{}\"", conf().smtpd_command_filter(),
                    printable(line.substr(0, 100)));
        refuse_without_data();
    }
    co_return line;
}

// What a client logs in with is nobody else's.
static std::string_view without_secrets(std::string_view line) {
    const auto command = smtp::parse_command_line(line);
    const bool tells = iequals(command.verb, "AUTH") && command.arguments.size() > 1;
    return tells ? std::string_view("AUTH (not shown)") : line;
}

Task<void> Session::next_command() {
    if (conf().smtpd_per_request_deadline()) {
        // The time limit is for the whole command, not for each byte of it.
        stream->set_deadline(Deadline::after(conf().smtpd_timeout()));
    }
    auto line = co_await read_line(static_cast<std::size_t>(conf().line_length_limit()));
    if (bare_newline_) {
        const auto mode = co_await newline_mode();
        if (refuses_bare_newline(mode)) {
            reply(refuse_bare_newline(*this));
            hang_up();
            co_return;
        }
    }
    if (conf().smtpd_per_request_deadline()) {
        stream->set_deadline({});
    }
    log_words('<', without_secrets(line));
    transcript.in(line);
    const bool readable =
        !conf().smtputf8_enable() || is_utf8(std::string_view(line).substr(0, line.find('\0')));
    if (readable && !site.command_filter.empty()) {
        line = co_await filtered_command(std::move(line));
        if (hang_up_) {
            co_return;
        }
    }
    const auto command = smtp::parse_command_line(line);
    if (command.verb.empty()) {
        reply("500 5.5.2 Error: bad syntax");
        errors += 1;
    } else if (!readable) {
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
            log_warning("non-SMTP command from {}: {}", client.label,
                        escaped(line.substr(0, kMaxPipelinedShown)));
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
        std::string refusal;
        if (milters.any()) {
            refusal = co_await milters.unknown(std::string(command.verb));
        }
        reply(refusal.empty() ? "500 5.5.2 Error: command not recognized" : refusal);
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
    if (((info.traits & kLast) != 0 || !extended) && refuse_early_input(info.name)) {
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
