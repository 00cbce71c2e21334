#include "services/tlsproxy/client_role.h"

#include <initializer_list>
#include <optional>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais::tlsproxy {

namespace {

// Agents with other settings than these are few; one that makes up new ones for each request must
// not fill the memory.
constexpr std::size_t kMostContexts = 20;
constexpr std::string_view kSeparators = " \t\r\n,";

// Postfix's numbers are those of our order.
std::optional<TlsLevel> level_of(int number) {
    const bool known =
        number >= static_cast<int>(TlsLevel::kMay) && number <= static_cast<int>(TlsLevel::kSecure);
    return known ? std::optional(static_cast<TlsLevel>(number)) : std::nullopt;
}

// Nothing where a number is none of a record's.
std::optional<std::vector<TlsaRecord>> records_of(const TlsproxyClientList& list) {
    constexpr std::uint32_t kMost = 255;
    std::vector<TlsaRecord> records;
    for (const TlsproxyTlsa& one : list.dane_records) {
        if (one.usage > kMost || one.selector > kMost || one.matching > kMost) {
            return std::nullopt;
        }
        records.push_back({static_cast<std::uint8_t>(one.usage),
                           static_cast<std::uint8_t>(one.selector),
                           static_cast<std::uint8_t>(one.matching), one.data});
    }
    return records;
}

TlsClientOptions options_of(const TlsproxyClientList& list) {
    TlsClientOptions options;
    options.loglevel = parse_tls_loglevel(list.log_level).value_or(TlsLogLevel::kNone);
    for (const auto file : split_words(list.chain_files, kSeparators)) {
        options.certificates.chain_files.emplace_back(file);
    }
    options.certificates.cert_file = list.cert_file;
    options.certificates.key_file = list.key_file;
    options.certificates.dsa_cert_file = list.dcert_file;
    options.certificates.dsa_key_file = list.dkey_file;
    options.certificates.ecdsa_cert_file = list.eccert_file;
    options.certificates.ecdsa_key_file = list.eckey_file;
    options.ca_file = list.ca_file;
    options.ca_path = list.ca_path;
    options.append_default_ca = list.append_default_ca;
    options.verify_depth = static_cast<int>(list.verify_depth);
    options.fingerprint_digest = list.digest;
    options.cipher_lists = {list.high_ciphers, list.medium_ciphers, list.null_ciphers};
    options.auto_groups = list.auto_curves;
    options.ssl_options = list.ssl_options;
    options.disable_workarounds = list.workarounds;
    options.wildcard_matches_multiple_labels = list.many_wildcard_labels;
    return options;
}

// One text for several, that no other several give.
std::string joined(std::initializer_list<const std::string*> parts) {
    std::string text;
    for (const auto* part : parts) {
        text += format("{}:{},", part->size(), *part);
    }
    return text;
}

TlsproxyKey key_of(const TlsKey& key) {
    return {key.name, key.curve, key.digest, key.bits};
}

std::uint32_t status_of(const TlsInfo& info, TlsLevel level) {
    constexpr std::uint32_t kPresent = 1, kTrusted = 4, kMatched = 8, kSecured = 16;
    switch (info.trust) {
        case TlsTrust::kAnonymous:
            return 0;
        case TlsTrust::kUntrusted:
            return kPresent;
        case TlsTrust::kTrusted:
            return kPresent | kTrusted;
        case TlsTrust::kVerified:
            break;
    }
    const bool secured = level > TlsLevel::kEncrypt && level != TlsLevel::kHalfDane;
    return kPresent | kTrusted | kMatched | (secured ? kSecured : 0);
}

}  // namespace

void ClientRole::open_configured() {
    const auto& config = conf();
    const bool used = !config.tlsproxy_client_security_level().empty() ||
                      !config.tlsproxy_client_policy_maps().empty() ||
                      !config.tlsproxy_client_per_site().empty() ||
                      config.tlsproxy_client_use_tls() || config.tlsproxy_client_enforce_tls();
    if (!used) {
        return;
    }
    TlsproxyClientList list;
    list.high_ciphers = config.tls_high_cipherlist();
    list.medium_ciphers = config.tls_medium_cipherlist();
    list.null_ciphers = config.tls_null_cipherlist();
    list.auto_curves = config.tls_eecdh_auto_curves();
    list.ssl_options = config.tls_ssl_options();
    list.workarounds = config.tls_disable_workarounds();
    list.append_default_ca = config.tls_append_default_CA();
    list.many_wildcard_labels = config.tls_wildcard_matches_multiple_labels();
    list.log_param = config.tlsproxy_client_loglevel_parameter();
    list.log_level = config.tlsproxy_client_loglevel();
    if (!parse_tls_loglevel(list.log_level)) {
        log_fatal("invalid {} value \"{}\"", list.log_param, list.log_level);
    }
    list.chain_files = config.tlsproxy_client_chain_files();
    list.cert_file = config.tlsproxy_client_cert_file();
    list.key_file = config.tlsproxy_client_key_file();
    list.dcert_file = config.tlsproxy_client_dcert_file();
    list.dkey_file = config.tlsproxy_client_dkey_file();
    list.eccert_file = config.tlsproxy_client_eccert_file();
    list.eckey_file = config.tlsproxy_client_eckey_file();
    list.ca_file = config.tlsproxy_client_CAfile();
    list.ca_path = config.tlsproxy_client_CApath();
    list.digest = config.tlsproxy_client_fingerprint_digest();
    list.verify_depth = static_cast<std::uint32_t>(config.tlsproxy_client_scert_verifydepth());
    configured_ = context_for(list);
    configured_files_ = last_files_;
}

std::shared_ptr<TlsContext> ClientRole::context_for(const TlsproxyClientList& list) {
    const auto files = joined({&list.log_param, &list.log_level, &list.chain_files, &list.cert_file,
                               &list.key_file, &list.dcert_file, &list.dkey_file, &list.eccert_file,
                               &list.eckey_file, &list.ca_file, &list.ca_path, &list.digest}) +
                       format("{}", list.verify_depth);
    // Ciphers and curves are then those of this process's main.cf.
    if (configured_ && files == configured_files_) {
        return configured_;
    }
    const auto key = files +
                     joined({&list.high_ciphers, &list.medium_ciphers, &list.null_ciphers,
                             &list.auto_curves, &list.ssl_options, &list.workarounds}) +
                     format("{} {}", list.append_default_ca, list.many_wildcard_labels);
    if (const auto known = contexts_.find(key); known != contexts_.end()) {
        return known->second;
    }
    auto made = TlsContext::client(options_of(list));
    if (!made) {
        log_warning("TLS client initialization failed: {}", made.error().message);
        return nullptr;
    }
    if (contexts_.size() >= kMostContexts) {
        contexts_.clear();
    }
    last_files_ = files;
    return contexts_[key] = std::move(*made);
}

Task<std::string> ClientRole::shake_hands(Stream* remote, TlsContext* context,
                                          const TlsproxyClientList* list) {
    const auto level = level_of(list->level);
    auto records = records_of(*list);
    if (!level || !records) {
        log_warning("TLS level {} for {} is not supported here", list->level,
                    printable(list->peer));
        co_return std::string();
    }
    TlsConnectOptions options;
    options.tells_result = false;  // the agent does, who knows when it is used again
    options.peer = list->peer;
    options.server_name = list->server_name;
    options.tlsa = std::move(*records);
    const bool is_dane =
        *level == TlsLevel::kDane || *level == TlsLevel::kDaneOnly || *level == TlsLevel::kHalfDane;
    if (is_dane && options.server_name.empty()) {
        options.server_name = list->dane_domain;  // RFC 7672 8.1
    }
    if (list->cache_type == "smtp" || list->cache_type == "lmtp") {
        options.session_key = list->server_id;
    }
    options.level = *level;
    options.match = list->match;
    options.protocols = list->protocols;
    options.cipher_grade = list->cipher_grade;
    options.exclude_ciphers = list->exclude_ciphers;
    options.timeout = std::chrono::seconds(list->timeout);
    const auto info = co_await tls_connect(remote, context, std::move(options));
    if (!info) {
        co_return std::string();
    }
    TlsproxyContext out;
    out.peer_cn = info->peer_cn;
    out.issuer_cn = info->issuer_cn;
    out.fingerprint = info->certificate_fingerprint;
    out.key_fingerprint = info->key_fingerprint;
    out.level = static_cast<std::int32_t>(info->level);
    out.status = status_of(*info, info->level);
    out.protocol = info->protocol;
    out.cipher = info->cipher;
    out.cipher_bits_used = info->cipher_bits_used;
    out.cipher_bits = info->cipher_bits;
    out.exchange = key_of(info->key_exchange);
    out.client_signature = key_of(info->client_signature);
    out.server_signature = key_of(info->server_signature);
    out.peer = list->peer;
    co_return format_tlsproxy_context(out);
}

}  // namespace relais::tlsproxy
