#include "smtp/settings.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/session_notice.h"
#include "lib/mail/hostname.h"

namespace relais::smtp_client {

namespace {

constexpr std::string_view kListSeparators = " \t\r\n,";

// Reads PREFIX_NAME.
class Section {
  public:
    Section(const Config& config, const std::string& prefix) : config_(config), prefix_(prefix) {}

    std::string name(std::string_view tail) const { return prefix_ + "_" + std::string(tail); }

    const std::string& text(std::string_view tail) const { return config_.text_value(name(tail)); }

    int number(std::string_view tail) const { return config_.int_value(name(tail)); }

    bool flag(std::string_view tail) const { return config_.bool_value(name(tail)); }

    std::chrono::seconds time(std::string_view tail) const {
        return config_.time_value(name(tail));
    }

  private:
    const Config& config_;
    const std::string& prefix_;
};

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::string_view word : split_words(text, kListSeparators)) {
        words.emplace_back(word);
    }
    return words;
}

std::vector<HostSource> host_sources(const Section& client) {
    std::vector<HostSource> sources;
    for (std::string_view word : split_words(client.text("host_lookup"), kListSeparators)) {
        if (iequals(word, "dns")) {
            sources.push_back(HostSource::kDns);
        } else if (iequals(word, "native")) {
            sources.push_back(HostSource::kNative);
        } else {
            log_fatal("invalid {} value: \"{}\"", client.name("host_lookup"), word);
        }
    }
    return sources;
}

DnsSupport dns_support_of(const Config& config, const Section& client) {
    const std::string& word = client.text("dns_support_level");
    if (word.empty()) {
        return config.disable_dns_lookups() ? DnsSupport::kDisabled : DnsSupport::kEnabled;
    }
    if (iequals(word, "disabled")) {
        return DnsSupport::kDisabled;
    }
    if (iequals(word, "enabled")) {
        return DnsSupport::kEnabled;
    }
    if (iequals(word, "dnssec")) {
        return DnsSupport::kDnssec;
    }
    log_fatal("invalid {}: \"{}\"", client.name("dns_support_level"), word);
}

AddressPreference address_preference_of(const Section& client) {
    const std::string& word = client.text("address_preference");
    if (word == "any") {
        return AddressPreference::kAny;
    }
    if (word == "ipv4") {
        return AddressPreference::kIpv4;
    }
    if (word == "ipv6") {
        return AddressPreference::kIpv6;
    }
    log_fatal("invalid {} value: \"{}\"", client.name("address_preference"), word);
}

NameCompletion name_completion(const Section& client) {
    NameCompletion completion;
    for (std::string_view word :
         split_words(client.text("dns_resolver_options"), kListSeparators)) {
        if (word == "res_defnames") {
            completion.default_domain = true;
        } else if (word == "res_dnsrch") {
            completion.search_list = true;
        } else {
            log_fatal("unknown {} value \"{}\" in \"{}\"", client.name("dns_resolver_options"),
                      word, client.text("dns_resolver_options"));
        }
    }
    return completion;
}

// What an address probe must survive.
bool probes_with_data(const Section& client) {
    const std::string& word = client.text("address_verify_target");
    if (!iequals(word, "rcpt") && !iequals(word, "data")) {
        log_fatal("invalid {} value: \"{}\"", client.name("address_verify_target"), word);
    }
    return iequals(word, "data");
}

AddressFamilies families_of(const Config& config) {
    auto parsed = parse_inet_protocols(config.inet_protocols());
    if (!parsed) {
        log_fatal("{}", parsed.error().message);
    }
    AddressFamilies families;
    families.ipv4 = parsed->ipv4;
    families.ipv6 = parsed->ipv6;
    return families;
}

std::vector<std::string> addresses_of_this_machine(const Config& config) {
    std::vector<std::string> addresses;
    for (const InterfaceAddress& own : config.own_addresses()) {
        addresses.push_back(address_text(own));
    }
    for (std::string& proxy : words_of(config.proxy_interfaces())) {
        addresses.push_back(std::move(proxy));
    }
    return addresses;
}

}  // namespace

DiscardedKeywords parse_discarded_keywords(std::string_view text) {
    DiscardedKeywords discarded;
    for (std::string_view word : split_words(text, kListSeparators)) {
        if (iequals(word, "silent-discard")) {
            discarded.silent = true;
        } else {
            discarded.keywords.push_back(uppercase(word));
        }
    }
    return discarded;
}

Settings::Settings(const Config& config, std::string name)
    : protocol(name == "lmtp" ? Protocol::kLmtp : Protocol::kSmtp), prefix(std::move(name)) {
    Section client(config, prefix);
    service = process_info().service_name;

    connect_timeout = client.time("connect_timeout");
    helo_timeout = client.time(protocol == Protocol::kLmtp ? "lhlo_timeout" : "helo_timeout");
    starttls_timeout = client.time("starttls_timeout");
    mail_timeout = client.time("mail_timeout");
    rcpt_timeout = client.time("rcpt_timeout");
    data_init_timeout = client.time("data_init_timeout");
    data_xfer_timeout = client.time("data_xfer_timeout");
    data_done_timeout = client.time("data_done_timeout");
    rset_timeout = client.time("rset_timeout");
    quit_timeout = client.time("quit_timeout");
    xforward_timeout = client.time("xforward_timeout");
    notify_protocol = (parse_notice_classes(config.notify_classes()) & kNoticeProtocol) != 0;
    per_request_deadline = client.flag("per_request_deadline");
    min_data_rate = client.number("min_data_rate");

    bool lmtp = protocol == Protocol::kLmtp;
    helo_name = client.text(lmtp ? "lhlo_name" : "helo_name");
    my_hostname = config.myhostname();
    tcp_port = client.text("tcp_port");
    fallback_relays = words_of(client.text("fallback_relay"));
    relayhost = config.relayhost();
    best_mx_transport = config.best_mx_transport();
    probe_with_data = probes_with_data(client);

    dns_support = dns_support_of(config, client);
    mx_lookups = !lmtp && dns_support != DnsSupport::kDisabled;
    host_lookup = host_sources(client);
    if (dns_support == DnsSupport::kDisabled) {
        host_lookup = {HostSource::kNative};
    }
    completion = name_completion(client);
    cname_overrides = client.flag("cname_overrides_servername");
    srv_services = words_of(config.use_srv_lookup());
    srv_fallback = config.allow_srv_lookup_fallback();
    ignore_srv_error = config.ignore_srv_lookup_error();
    families = families_of(config);
    address_preference = address_preference_of(client);
    randomize_addresses = client.flag("randomize_addresses");
    balance_protocols = client.flag("balance_inet_protocols");
    defer_if_no_mx_address = client.flag("defer_if_no_mx_address_found");
    ignore_mx_lookup_error = config.ignore_mx_lookup_error();
    address_limit = client.number("mx_address_limit");
    session_limit = client.number("mx_session_limit");
    bind_address = client.text("bind_address");
    bind_address6 = client.text("bind_address6");
    bind_address_enforce = client.flag("bind_address_enforce");

    skip_5xx_greeting = client.flag("skip_5xx_greeting");
    skip_quit_response = client.flag("skip_quit_response");
    always_send_ehlo = lmtp || config.smtp_always_send_ehlo();
    never_send_ehlo = !lmtp && config.smtp_never_send_ehlo();
    quote_envelope = client.flag("quote_rfc821_envelope");
    send_xforward = client.flag("send_xforward_command");
    // The lines of those who did not ask have the form that log readers know.
    log_tls_status =
        client.flag("log_tls_feature_status") && config.is_set(prefix + "_log_tls_feature_status");
    convert_to_7bit = !config.disable_mime_output_conversion();
    line_length_limit = client.number("line_length_limit");
    discarded_keywords = parse_discarded_keywords(
        client.text(lmtp ? "discard_lhlo_keywords" : "discard_ehlo_keywords"));

    cache_on_demand = client.flag("connection_cache_on_demand");
    cache_destinations = client.text("connection_cache_destinations");
    cache_time_limit = client.time("connection_cache_time_limit");
    reuse_time_limit = client.time("connection_reuse_time_limit");
    reuse_count_limit = client.number("connection_reuse_count_limit");
    has_passwords = !client.text("sasl_password_maps").empty();

    own_addresses = addresses_of_this_machine(config);
}

}  // namespace relais::smtp_client
