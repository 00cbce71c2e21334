// The parameters of the client, read once: smtp_* or, where the program runs as lmtp, lmtp_*.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"
#include "lib/config/interfaces.h"
#include "lib/dns/host_lookup.h"
#include "lib/rules/debug_peers.h"

namespace relais::smtp_client {

enum class Protocol { kSmtp, kLmtp };
enum class DnsSupport { kDisabled, kEnabled, kDnssec };  // smtp_dns_support_level
enum class AddressPreference { kAny, kIpv4, kIpv6 };

// smtp_discard_ehlo_keywords: the keywords in upper case.
struct DiscardedKeywords {
    std::vector<std::string> keywords;
    bool silent = false;  // silent-discard: not logged
};

[[nodiscard]] DiscardedKeywords parse_discarded_keywords(std::string_view text);

struct Settings {
    // `prefix` is "smtp" or "lmtp".
    Settings(const Config& config, std::string prefix);

    Protocol protocol;
    std::string prefix;
    std::string service;  // master.cf's name of this service
    DebugPeers debugged;  // debug_peer_list

    std::chrono::seconds connect_timeout, helo_timeout, starttls_timeout, mail_timeout;
    std::chrono::seconds rcpt_timeout, data_init_timeout, data_xfer_timeout, data_done_timeout;
    std::chrono::seconds rset_timeout, quit_timeout, xforward_timeout;
    bool notify_protocol;       // the postmaster hears of mistakes in the conversation
    bool per_request_deadline;  // these are for the whole of a command and its reply
    int min_data_rate;          // bytes a second

    std::string helo_name;
    std::string my_hostname;
    std::string tcp_port;
    std::vector<std::string> fallback_relays;
    std::string relayhost;
    std::string best_mx_transport;
    bool probe_with_data;  // smtp_address_verify_target = data

    std::vector<HostSource> host_lookup;
    DnsSupport dns_support;
    bool mx_lookups = true;  // off: smtp_dns_support_level = disabled
    NameCompletion completion;
    std::vector<std::string> srv_services;  // use_srv_lookup
    bool srv_fallback, ignore_srv_error;
    bool cname_overrides;  // a server is called what aliases lead to
    AddressFamilies families;
    AddressPreference address_preference = AddressPreference::kAny;
    bool randomize_addresses, balance_protocols, defer_if_no_mx_address, ignore_mx_lookup_error;
    int address_limit, session_limit;
    std::string bind_address, bind_address6;
    bool bind_address_enforce;

    bool skip_5xx_greeting, skip_quit_response, always_send_ehlo, never_send_ehlo;
    bool quote_envelope;
    bool send_xforward;
    bool log_tls_status;   // smtp_log_tls_feature_status
    bool convert_to_7bit;  // not disable_mime_output_conversion
    int line_length_limit;
    DiscardedKeywords discarded_keywords;

    bool cache_on_demand;
    std::string cache_destinations;
    std::chrono::seconds cache_time_limit, reuse_time_limit;
    int reuse_count_limit;  // 0: none
    bool has_passwords;     // smtp_sasl_password_maps: servers may know us by name

    // Addresses that are this machine's: mail for them would come back.
    std::vector<std::string> own_addresses;
};

}  // namespace relais::smtp_client
