#include "smtp/logins.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/bearer_client.h"
#include "lib/sasl/cyrus_client.h"

namespace relais::smtp_client {

namespace {

// A login that a server never ends holds its worker until the server's time is up.
constexpr std::size_t kWorkers = 100;
constexpr std::chrono::seconds kGrace{5};
constexpr std::size_t kLongestLine = 100'000;  // more than a reply of a server

CyrusWorkers::Limits limits() {
    CyrusWorkers::Limits limits;
    limits.workers = kWorkers;
    limits.longest_line = kLongestLine;
    return limits;
}

std::string prepare(const std::string& prefix) {
    std::string path = conf().text_value(prefix + "_sasl_path");
    path += path.empty() || conf().cyrus_sasl_config_path().empty() ? "" : ":";
    auto opened = cyrus_client_open(path + conf().cyrus_sasl_config_path());
    if (!opened) {
        log_warning("{}", opened.error().message);
        return "";
    }
    return "ready";
}

void work(int socket) {
    cyrus_client_serve(socket, kLongestLine,
                       std::chrono::ceil<std::chrono::seconds>(limits().answer) + kGrace);
}

// What is checked before the library is loaded.
const std::string& password_tables(const std::string& prefix) {
    const std::string& tables = conf().text_value(prefix + "_sasl_password_maps");
    if (tables.empty()) {
        log_fatal(
            "specify a password table via the `{}_sasl_password_maps' configuration parameter",
            prefix);
    }
    const std::string& type = conf().text_value(prefix + "_sasl_type");
    if (type != "cyrus") {
        log_warning("unsupported SASL client implementation: {}", type);
        log_fatal("SASL library initialization");
    }
    return tables;
}

SaslSecurity security_of(const std::string& parameter) {
    auto parsed = SaslSecurity::parse(conf().text_value(parameter));
    if (!parsed) {
        log_warning("{}", parsed.error().message);
        log_warning("bad per-session SASL security properties");
        log_fatal("SASL per-connection initialization failed");
    }
    return *parsed;
}

char delimiter_of(const std::string& parameter) {
    const std::string& text = conf().text_value(parameter);
    if (text.size() != 1) {
        log_fatal("bad {} value: \"{}\": it must be one character", parameter, text);
    }
    return text[0];
}

std::unique_ptr<RefusedLogins> refused_logins(const std::string& prefix) {
    const std::string& map = conf().text_value(prefix + "_sasl_auth_cache_name");
    if (map.empty()) {
        return nullptr;
    }
    const auto keep = conf().time_value(prefix + "_sasl_auth_cache_time");
    return std::make_unique<RefusedLogins>(map, keep);
}

}  // namespace

Credentials parse_credentials(std::string_view text, char delimiter) {
    Credentials out;
    const auto end = text.find(delimiter);
    out.user = text.substr(0, end);
    out.password = end == std::string_view::npos ? "" : text.substr(end + 1);
    return out;
}

Logins::Logins(const std::string& prefix)
    : tables_(password_tables(prefix)),
      helper_([&prefix] { return prepare(prefix); }, work),
      workers_([this] { return helper_.start_worker(); }, limits()),
      passwords_(prefix + "_sasl_password_maps", tables_),
      by_address_(&passwords_, &local_domains_),
      mechanisms_(prefix + "_sasl_mechanism_filter",
                  conf().text_value(prefix + "_sasl_mechanism_filter"), MatchList::Kind::kString),
      named_mechanisms_(conf().text_value(prefix + "_sasl_mechanism_filter")),
      refused_(refused_logins(prefix)),
      delimiter_(delimiter_of(prefix + "_sasl_password_result_delimiter")),
      clear_(security_of(prefix + "_sasl_security_options")),
      tls_(security_of(prefix + "_sasl_tls_security_options")),
      verified_tls_(security_of(prefix + "_sasl_tls_verified_security_options")),
      by_sender_(conf().bool_value(prefix + "_sender_dependent_authentication")),
      soft_bounce_(conf().bool_value(prefix + "_sasl_auth_soft_bounce")),
      sends_mail_auth_(conf().bool_value(prefix + "_send_dummy_mail_auth")) {
    if (helper_.announcement().empty()) {
        log_fatal("SASL library initialization");
    }
}

// By sender, by the server's name, by the destination.
Task<Lookup> Logins::look_up(const LoginPurpose* purpose) const {
    if (by_sender_ && !purpose->sender.empty()) {
        AddressMatch match = co_await by_address_.lookup(purpose->sender);
        if (match.lookup.is_found() || match.lookup.is_error()) {
            co_return std::move(match.lookup);
        }
    }
    Lookup answer = co_await passwords_.lookup(purpose->host);
    if (!answer.is_found() && !answer.is_error()) {
        answer = co_await passwords_.lookup(purpose->nexthop);
    }
    co_return answer;
}

Task<Result<std::optional<Credentials>>> Logins::find(LoginPurpose purpose) const {
    const Lookup answer = co_await look_up(&purpose);
    if (answer.is_error()) {
        log_warning("{}: {} lookup error", purpose.queue_id, passwords_.title());
        co_return fail(Errc::kTemporary, answer.reason());
    }
    if (!answer.is_found()) {
        co_return std::nullopt;
    }
    co_return parse_credentials(answer.value(), delimiter_);
}

Task<Result<std::string>> Logins::filter(std::string offered) const {
    if (mechanisms_.empty()) {
        co_return offered;
    }
    std::string kept;
    for (const std::string_view name : split_words(offered)) {
        const Match listed = co_await mechanisms_.match(std::string(name));
        if (listed == Match::kError) {
            log_warning("{}: lookup error for \"{}\"", "sasl_mechanism_filter", printable(name));
            co_return fail(Errc::kTemporary, "lookup error");
        }
        if (listed == Match::kYes) {
            kept += kept.empty() ? "" : " ";
            kept += name;
        }
    }
    co_return kept;
}

std::string Logins::for_tokens(std::string_view filtered) const {
    auto named = split_words(named_mechanisms_, ", \t\r\n");
    std::string kept;
    for (std::string_view name : split_words(filtered)) {
        auto same = [name](std::string_view each) { return iequals(each, name); };
        if (is_bearer_mechanism(name) && std::ranges::any_of(named, same)) {
            kept += kept.empty() ? "" : " ";
            kept += name;
        }
    }
    return kept;
}

unsigned Logins::security(Channel channel) const {
    switch (channel) {
        case Channel::kVerifiedTls:
            return verified_tls_.bits();
        case Channel::kTls:
            return tls_.bits();
        default:
            return clear_.bits();
    }
}

}  // namespace relais::smtp_client
