// The mail filters of a session: see the header.
#include "smtpd/milters.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/milter/client_macros.h"
#include "lib/milter/handover.h"
#include "lib/smtp/reply.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// A milter's reply as Session::reply takes it: one code, "\n" between the lines.
std::string reply_lines(std::string_view reply) {
    std::string out;
    for (bool first = true; !reply.empty(); first = false) {
        const auto end = reply.find("\r\n");
        const auto line = reply.substr(0, end);
        out += first ? format("{} ", line.substr(0, 3)) : "\n";
        out += line.size() > 4 ? line.substr(4) : std::string_view();
        reply = end == std::string_view::npos ? std::string_view() : reply.substr(end + 2);
    }
    return out;
}

// The address as it was given and its parameters.
std::vector<std::string> words_of(const smtp::CommandLine& line) {
    std::vector<std::string> words;
    for (std::size_t i = 1; i < line.arguments.size(); ++i) {
        words.push_back(line.arguments[i].text);
    }
    return words;
}

// {mail_host}, {rcpt_mailer}, {mail_addr} and their kin.
std::string part_of_route(const Resolved& route, std::string_view name) {
    if (name.ends_with("_host}")) {
        return route.nexthop;
    }
    return name.ends_with("_mailer}") ? route.transport : quote_address(route.recipient);
}

}  // namespace

MilterSite milter_site() {
    MilterSite site;
    auto filters = milter::parse_filters(conf(), conf().smtpd_milters());
    if (!filters) {
        log_fatal("smtpd_milters: {}", filters.error().message);
    }
    site.filters = std::move(*filters);
    site.macros = milter::macro_settings(conf());
    return site;
}

bool SessionMilters::active() const {
    return filters_ && (session_.mail.actions.cleanup_flags & kCleanupDiscard) == 0;
}

Task<std::string> SessionMilters::connect() {
    const auto refusal = co_await tell_of_client();
    const auto& hostname = session_.site.hostname;
    if (refusal.starts_with("421")) {
        co_return format("421 {} Service unavailable - try again later", hostname);
    }
    if (refusal.starts_with('5')) {
        // What the client says next is answered with the filter's own words.
        own_ = format("554 {} ESMTP not accepting connections", hostname);
        co_return own_;
    }
    co_return "220 " + session_.site.banner;
}

Task<std::string> SessionMilters::tell_of_client() {
    const auto& site = session_.site.milters;
    if (session_.site.receive_override.no_milters || session_.stand_alone()) {
        co_return std::string();
    }
    auto filters = site.filters;
    const auto& maps = session_.site.milter_maps;
    if (!maps.empty()) {
        const auto found = co_await maps.lookup(session_.client.address);
        // Where the table cannot answer (which is logged), the filters of all clients are asked.
        if (found.is_found() && iequals(found.value(), "DISABLE")) {
            filters.clear();
        } else if (found.is_found()) {
            auto listed = milter::parse_filters(conf(), found.value());
            if (!listed) {
                log_warning("{}: smtpd_milter_maps: {}", session_.client.label,
                            listed.error().message);
                co_return std::string("421 4.3.5 Server configuration error");
            }
            filters = std::move(*listed);
        }
    }
    if (filters.empty()) {
        co_return std::string();
    }
    filters_ = std::make_unique<milter::Filters>(filters, &site.macros, this);
    milter::Client client;
    client.name = session_.client.name;
    client.address = session_.client.address;
    client.port = session_.client.port;
    client.family = session_.client.family;
    const auto verdict = co_await filters_->connect(std::move(client));
    co_return take(verdict);
}

Task<std::string> SessionMilters::helo(std::string name) {
    const auto verdict = co_await filters_->helo(std::move(name));
    co_return take(verdict);
}

Task<std::string> SessionMilters::mail(const smtp::CommandLine& line,
                                       std::optional<std::string> author) {
    in_message_ = true;
    author_ = std::move(author);
    const auto verdict = co_await filters_->mail(words_of(line));
    co_return take(verdict);
}

Task<std::string> SessionMilters::rcpt(const smtp::CommandLine& line, std::string recipient) {
    recipient_ = std::move(recipient);
    const auto verdict = co_await filters_->rcpt(words_of(line));
    session_.logged_recipient = std::exchange(recipient_, std::nullopt);
    auto refusal = take(verdict);
    session_.logged_recipient.reset();
    co_return refusal;
}

Task<void> SessionMilters::rejected_rcpt(const smtp::CommandLine& line, std::string recipient,
                                         std::string reply) {
    recipient_ = std::move(recipient);
    rejection_ = std::move(reply);
    co_await filters_->rejected_rcpt(words_of(line));
    recipient_.reset();
    rejection_.clear();
}

Task<std::string> SessionMilters::data() {
    const auto verdict = co_await filters_->data();
    auto refusal = take(verdict);
    if (refusal.empty() && active() && session_.mail.cleanup) {
        auto* stream = &session_.mail.cleanup->stream();
        const auto before = filters_->standing();
        const bool taken = co_await milter::hand_over(stream, filters_.get());
        if (!taken) {
            refusal = "451 4.3.0 Error: queue file write error";
        } else if (const auto after = filters_->standing(); after != before) {
            refusal = take(after);  // a filter broke just now: its default action holds
        }
    }
    co_return refusal;
}

Task<std::string> SessionMilters::unknown(std::string command) {
    const auto verdict = co_await filters_->unknown(std::move(command));
    co_return take(verdict);
}

std::string SessionMilters::standing_security() {
    auto text = standing();
    return text.starts_with('4') ? own_reply("454 4.3.0 Try again later") : text;
}

std::string SessionMilters::own_reply(std::string_view reply) {
    own_ = reply_lines(reply);
    return own_;
}

std::string SessionMilters::standing() {
    if (!filters_) {
        return {};
    }
    const auto verdict = filters_->standing();
    return verdict.kind == milter::Verdict::Kind::kReply ? own_reply(verdict.reply) : "";
}

// What filters decided is done, and logged, with the recipient that it is about, or the first of
// the message; what is to be told to the client is returned.
std::string SessionMilters::take(const milter::Verdict& verdict) {
    const auto before = session_.logged_recipient;
    if (!before && !session_.mail.first_recipient.empty()) {
        session_.logged_recipient = session_.mail.first_recipient;
    }
    auto refusal = obey(verdict);
    session_.logged_recipient = before;
    return refusal;
}

std::string SessionMilters::obey(const milter::Verdict& verdict) {
    auto& flags = session_.mail.actions.cleanup_flags;
    switch (verdict.kind) {
        case milter::Verdict::Kind::kContinue:
            return {};
        case milter::Verdict::Kind::kHold:
            flags |= kCleanupHold;
            session_.log_event("milter-hold", "milter triggers HOLD action");
            return {};
        case milter::Verdict::Kind::kDiscard:
            flags |= kCleanupDiscard;
            session_.log_event("milter-discard", "milter triggers DISCARD action");
            return {};
        case milter::Verdict::Kind::kShutdown:
            session_.log_event("milter-reject", "421 4.7.0 Server closing connection");
            return "421 4.7.0 Server closing connection";
        case milter::Verdict::Kind::kReply:
            break;
    }
    session_.log_event("milter-reject", verdict.reply);
    return own_reply(verdict.reply);
}

void SessionMilters::end_message() {
    if (filters_ && std::exchange(in_message_, false)) {
        filters_->abort();
    }
}

void SessionMilters::end_greeting() {
    if (filters_) {
        filters_->abort();
    }
}

Task<void> SessionMilters::quit() {
    if (filters_) {
        co_await filters_->quit();
        filters_.reset();
    }
}

std::optional<std::string> SessionMilters::connection_macro(std::string_view name) const {
    const auto& client = session_.client;
    if (auto value = milter::client_macro(
            name, {client.name, client.reverse_name, client.address, client.port})) {
        return value;
    }
    if (name == "{client_addr}") {
        return client.literal();
    }
    if (name == "{client_connections}") {
        return std::to_string(session_.connections);
    }
    if (name == "{client_resolve}") {
        return client.name_code == 2   ? "OK"
               : client.name_code == 6 ? "FORGED"
               : client.name_code == 4 ? "TEMP"
                                       : "FAIL";
    }
    if (name == "{daemon_addr}") {
        return session_.server_address;
    }
    if (name == "{daemon_port}") {
        return session_.server_port;
    }
    return std::nullopt;
}

std::optional<std::string> SessionMilters::tls_macro(std::string_view name) const {
    const auto& tls = session_.tls;
    if (!tls) {
        return std::nullopt;
    }
    if (name == "{tls_version}") {
        return tls->protocol;
    }
    if (name == "{cipher}") {
        return tls->cipher;
    }
    if (name == "{cipher_bits}") {
        return std::to_string(tls->cipher_bits_used);
    }
    const bool trusted = tls->trust >= TlsTrust::kTrusted;
    if (name == "{cert_subject}" && trusted) {
        return tls->peer_cn;
    }
    if (name == "{cert_issuer}" && trusted) {
        return tls->issuer_cn;
    }
    return std::nullopt;
}

Task<std::optional<std::string>> SessionMilters::mail_macro(std::string name) {
    const auto& sender = session_.sender();
    if (!sender) {
        co_return std::nullopt;
    }
    const auto resolved = co_await session_.site.addresses.resolve({}, *sender);
    if (!resolved || resolved->failed()) {
        co_return std::nullopt;
    }
    if (sender->empty() && name == "{mail_addr}") {
        co_return std::string();
    }
    co_return part_of_route(*resolved, name);
}

Task<std::optional<std::string>> SessionMilters::rcpt_macro(std::string name) {
    // Behind the RCPT commands it is the first that was taken.
    const auto recipient = recipient_.value_or(session_.mail.first_recipient);
    if (recipient.empty()) {
        co_return std::nullopt;
    }
    if (!rejection_.empty()) {
        const auto parts = smtp::split_reply(rejection_);
        if (name == "{rcpt_mailer}") {
            co_return std::string("error");
        }
        const auto dsn = parts.dsn ? parts.dsn->to_string() : std::string();
        auto text = std::string(parts.text);
        // What the reply says about, "<address>: ", is known to the filter.
        if (const auto at = text.find(">: "); text.starts_with('<') && at != std::string::npos) {
            text.erase(0, at + 3);
        }
        co_return name == "{rcpt_host}" ? dsn : text;
    }
    const auto resolved = co_await session_.site.addresses.resolve(
        session_.mail.sender.value_or(std::string()), recipient);
    if (!resolved || resolved->failed()) {
        co_return std::nullopt;
    }
    co_return part_of_route(*resolved, name);
}

Task<std::optional<std::string>> SessionMilters::macro(std::string name) {
    if (auto value = connection_macro(name)) {
        co_return value;
    }
    if (name == "{i}") {
        co_return session_.mail.queue_id.empty() ? std::nullopt
                                                 : std::optional(session_.mail.queue_id);
    }
    if (name == "{mail_addr}" || name == "{mail_host}" || name == "{mail_mailer}") {
        co_return co_await mail_macro(std::move(name));
    }
    if (name == "{rcpt_addr}" || name == "{rcpt_host}" || name == "{rcpt_mailer}") {
        co_return co_await rcpt_macro(std::move(name));
    }
    const bool login = session_.login.authenticated();
    if (name == "{auth_type}" && login) {
        co_return session_.login.method;
    }
    if (name == "{auth_authen}" && login) {
        co_return session_.login.user;
    }
    if (name == "{auth_author}" && login && author_ && *author_ != "<>") {
        co_return *author_;
    }
    co_return tls_macro(name);
}

}  // namespace relais::smtpd
