#include "lib/tls/tls_settings.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/tls_library.h"

namespace relais {

namespace {

// Reads PREFIX_tls_NAME.
class Section {
  public:
    Section(const Config& config, std::string_view prefix)
        : config_(config), prefix_(std::string(prefix) + "_tls_") {}

    const std::string& text(std::string_view name) const {
        return config_.text_value(prefix_ + std::string(name));
    }

    int number(std::string_view name) const {
        return config_.int_value(prefix_ + std::string(name));
    }

    bool flag(std::string_view name) const {
        return config_.bool_value(prefix_ + std::string(name));
    }

    std::chrono::seconds time(std::string_view name) const {
        return config_.time_value(prefix_ + std::string(name));
    }

    std::string name(std::string_view name) const { return prefix_ + std::string(name); }

    // tlsproxy's sessions are smtpd's.
    std::string cache_parameter() const {
        return is_smtpd_for_others() ? "smtpd_tls_session_cache_timeout"
                                     : name("session_cache_timeout");
    }

    bool has_wrappermode() const { return !is_smtpd_for_others() && flag("wrappermode"); }

  private:
    bool is_smtpd_for_others() const { return prefix_ == "tlsproxy_tls_"; }

    const Config& config_;
    std::string prefix_;
};

TlsCertificateFiles certificate_files(const Section& tls) {
    TlsCertificateFiles files;
    for (std::string_view file : split_words(tls.text("chain_files"), " \t\r\n,")) {
        files.chain_files.emplace_back(file);
    }
    files.cert_file = tls.text("cert_file");
    files.key_file = tls.text("key_file");
    files.dsa_cert_file = tls.text("dcert_file");
    files.dsa_key_file = tls.text("dkey_file");
    files.ecdsa_cert_file = tls.text("eccert_file");
    files.ecdsa_key_file = tls.text("eckey_file");
    return files;
}

// "smtpd_tls_cert_file = none" asks for a server without certificates.
bool wants_no_certificate(const Section& tls) {
    return iequals(tls.text("cert_file"), "none");
}

void fill_common(const Config& config, const Section& tls, TlsCommonOptions& options) {
    if (auto level = parse_tls_loglevel(tls.text("loglevel"))) {
        options.loglevel = *level;
    } else {
        log_fatal("invalid {} value \"{}\"", tls.name("loglevel"), tls.text("loglevel"));
    }
    options.library_usable = load_tls_library(config);
    options.certificates = certificate_files(tls);
    options.ca_file = tls.text("CAfile");
    options.ca_path = tls.text("CApath");
    options.append_default_ca = config.tls_append_default_CA();
    options.fingerprint_digest = tls.text("fingerprint_digest");
    options.cipher_lists.high = config.tls_high_cipherlist();
    options.cipher_lists.medium = config.tls_medium_cipherlist();
    options.cipher_lists.null = config.tls_null_cipherlist();
    options.auto_groups = config.tls_eecdh_auto_curves();
    options.ffdhe_groups = config.tls_ffdhe_auto_groups();
    options.ssl_options = config.tls_ssl_options();
    options.disable_workarounds = config.tls_disable_workarounds();
    options.session_timeout = config.time_value(tls.cache_parameter());
}

// The servers of the suite; the other prefixes are those of clients.
bool is_server(std::string_view prefix) {
    return prefix == "smtpd" || prefix == "tlsproxy" || prefix == "postscreen";
}

}  // namespace

TlsServerOptions tls_server_options(const Config& config, TlsLevel level, std::string_view prefix) {
    Section tls(config, prefix);
    TlsServerOptions options;
    fill_common(config, tls, options);
    if (wants_no_certificate(tls)) {
        options.certificates = {};
    }
    bool mandatory = level >= TlsLevel::kEncrypt;
    options.verify_depth = tls.number("ccert_verifydepth");
    options.protocols = tls.text(mandatory ? "mandatory_protocols" : "protocols");
    options.cipher_grade = tls.text(mandatory ? "mandatory_ciphers" : "ciphers");
    options.exclude_ciphers = tls.text("exclude_ciphers");
    if (mandatory) {
        options.exclude_ciphers += " " + tls.text("mandatory_exclude_ciphers");
    }
    options.preempt_cipherlist = config.tls_preempt_cipherlist();
    options.dh_file = tls.text("dh1024_param_file");
    options.ticket_cipher = config.tls_session_ticket_cipher();
    options.always_issue_session_ids = tls.flag("always_issue_session_ids");
    if (tls.flag("enable_rpk")) {
        options.raw_keys_parameter = tls.name("enable_rpk");
    }
    options.keeps_sessions = !config.smtpd_tls_session_cache_database().empty();
    options.chains_by_name = !config.tls_server_sni_maps().empty();
    using Wanted = TlsServerOptions::ClientCertificate;
    // A certificate cannot be required of clients that may do without TLS.
    if (tls.flag("req_ccert") && (mandatory || tls.has_wrappermode())) {
        options.client_certificate = Wanted::kRequired;
    } else if (tls.flag("ask_ccert")) {
        options.client_certificate = Wanted::kAsked;
    }
    return options;
}

TlsClientOptions tls_client_options(const Config& config, std::string_view prefix) {
    Section tls(config, prefix);
    TlsClientOptions options;
    fill_common(config, tls, options);
    options.verify_depth = tls.number("scert_verifydepth");
    options.dane_digests = config.tls_dane_digests();
    options.wildcard_matches_multiple_labels = config.tls_wildcard_matches_multiple_labels();
    return options;
}

TlsLevel tls_level_setting(const Config& config, std::string_view prefix) {
    std::string name(prefix);
    const std::string& word = config.text_value(name + "_tls_security_level");
    if (!word.empty()) {
        auto level = parse_tls_level(word);
        if (!level) {
            log_fatal("invalid TLS level \"{}\"", word);
        }
        if (is_server(prefix) && *level > TlsLevel::kEncrypt) {
            log_warning("{}_tls_security_level: unsupported TLS level \"{}\", using \"encrypt\"",
                        prefix, word);
            return TlsLevel::kEncrypt;
        }
        return *level;
    }
    if (config.bool_value(name + "_enforce_tls")) {
        bool verify = !is_server(prefix) && config.bool_value(name + "_tls_enforce_peername");
        return verify ? TlsLevel::kVerify : TlsLevel::kEncrypt;
    }
    return config.bool_value(name + "_use_tls") ? TlsLevel::kMay : TlsLevel::kNone;
}

Result<std::unique_ptr<TlsContext>> smtpd_tls_context(const Config& config, TlsLevel level) {
    TlsServerOptions options = tls_server_options(config, level);
    const TlsCertificateFiles& files = options.certificates;
    if (!files.chain_files.empty() && !(files.cert_file.empty() && files.ecdsa_cert_file.empty() &&
                                        files.dsa_cert_file.empty())) {
        log_warning(
            "Both smtpd_tls_chain_files and one or more of the legacy  smtpd_tls_cert_file, "
            "smtpd_tls_eccert_file or smtpd_tls_dcert_file are non-empty; the legacy  parameters "
            "will be ignored");
    }
    if (options.certificates.empty()) {
        bool no_certificate_ok =
            wants_no_certificate(Section(config, "smtpd")) &&
            options.client_certificate == TlsServerOptions::ClientCertificate::kNotAsked;
        if (!no_certificate_ok) {
            log_warning("No server certs available. TLS won't be enabled");
            return fail(Errc::kNotFound, "no server certificates");
        }
    }
    return TlsContext::server(options);
}

}  // namespace relais
