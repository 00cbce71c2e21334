#include "lib/ipc/tlsproxy_client.h"

#include <algorithm>

namespace relais {

namespace {

constexpr std::uint32_t kMostNames = 1000;

void take_process_settings(AttrReader& reader, TlsproxyClientList& list) {
    list.high_ciphers = reader.string("tls_high_cipherlist");
    list.medium_ciphers = reader.string("tls_medium_cipherlist");
    list.null_ciphers = reader.string("tls_null_cipherlist");
    list.auto_curves = reader.string("tls_eecdh_auto_curves");
    list.workarounds = reader.string("tls_disable_workarounds");
    list.ssl_options = reader.string("tls_ssl_options");
    list.append_default_ca = reader.number("tls_append_default_CA") != 0;
    list.many_wildcard_labels = reader.number("tls_wildcard_matches_multiple_labels") != 0;
}

void take_certificates(AttrReader& reader, TlsproxyClientList& list) {
    list.log_param = reader.string("log_param");
    list.log_level = reader.string("log_level");
    list.verify_depth = reader.number("verifydepth");
    list.cache_type = reader.string("cache_type");
    list.chain_files = reader.string("chain_files");
    list.cert_file = reader.string("cert_file");
    list.key_file = reader.string("key_file");
    list.dcert_file = reader.string("dcert_file");
    list.dkey_file = reader.string("dkey_file");
    list.eccert_file = reader.string("eccert_file");
    list.eckey_file = reader.string("eckey_file");
    list.ca_file = reader.string("CAfile");
    list.ca_path = reader.string("CApath");
    list.digest = reader.string("mdalg");
}

void take_connection(AttrReader& reader, TlsproxyClientList& list) {
    list.timeout = reader.number("timeout");
    list.level = reader.signed_number("tls_level");
    list.peer = reader.string("namaddr");
    list.server_name = reader.string("sni");
    list.server_id = reader.string("serverid");
    list.protocols = reader.string("protocols");
    list.cipher_grade = reader.string("cipher_grade");
    list.exclude_ciphers = reader.string("cipher_exclusions");
    const auto names = std::min(reader.number("argv_size"), kMostNames);
    for (std::uint32_t i = 0; i < names && !reader.failed(); ++i) {
        list.match.push_back(reader.string("argv_value"));
    }
    list.dane = reader.number("dane") != 0;
    if (!list.dane) {
        return;
    }
    list.dane_domain = reader.string("domain");
    const auto count = std::min(reader.number("count"), kMostNames);
    for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
        TlsproxyTlsa record;
        record.usage = reader.number("usage");
        record.selector = reader.number("selector");
        record.matching = reader.number("mtype");
        record.data = reader.data("data");
        list.dane_records.push_back(std::move(record));
    }
}

void put_process_settings(AttrWriter& out, const Config& config, const TlsproxyClientList& list) {
    out.string("config_file", config.tls_config_file())
        .string("config_name", config.tls_config_name())
        .string("tls_high_cipherlist", list.high_ciphers)
        .string("tls_medium_cipherlist", list.medium_ciphers)
        .string("tls_low_cipherlist", config.tls_low_cipherlist())
        .string("tls_export_cipherlist", config.tls_export_cipherlist())
        .string("tls_null_cipherlist", list.null_ciphers)
        .string("tls_eecdh_auto_curves", list.auto_curves)
        .string("tls_eecdh_strong_curve", config.tls_eecdh_strong_curve())
        .string("tls_eecdh_ultra_curve", config.tls_eecdh_ultra_curve())
        .string("tls_disable_workarounds", list.workarounds)
        .string("tls_ssl_options", list.ssl_options)
        .string("tls_dane_digests", config.tls_dane_digests())
        .string("tlsmgr_service_name", config.tlsmgr_service_name())
        .string("tls_session_ticket_cipher", config.tls_session_ticket_cipher())
        .number("tls_daemon_random_bytes", config.tls_daemon_random_bytes())
        .number("tls_append_default_CA", list.append_default_ca ? 1 : 0)
        .number("tls_legacy_public_key_fingerprints",
                config.tls_legacy_public_key_fingerprints() ? 1 : 0)
        .number("tls_preempt_cipherlist", config.tls_preempt_cipherlist() ? 1 : 0)
        .number("tls_wildcard_matches_multiple_labels", list.many_wildcard_labels ? 1 : 0);
}

void put_certificates(AttrWriter& out, const TlsproxyClientList& list) {
    out.string("log_param", list.log_param)
        .string("log_level", list.log_level)
        .number("verifydepth", list.verify_depth)
        .string("cache_type", list.cache_type)
        .string("chain_files", list.chain_files)
        .string("cert_file", list.cert_file)
        .string("key_file", list.key_file)
        .string("dcert_file", list.dcert_file)
        .string("dkey_file", list.dkey_file)
        .string("eccert_file", list.eccert_file)
        .string("eckey_file", list.eckey_file)
        .string("CAfile", list.ca_file)
        .string("CApath", list.ca_path)
        .string("mdalg", list.digest);
}

void put_connection(AttrWriter& out, const TlsproxyClientList& list) {
    out.number("timeout", list.timeout)
        .number("tls_level", list.level)
        .string("nexthop", list.nexthop)
        .string("host", list.host)
        .string("namaddr", list.peer)
        .string("sni", list.server_name)
        .string("serverid", list.server_id)
        .string("helo", list.helo)
        .string("protocols", list.protocols)
        .string("cipher_grade", list.cipher_grade)
        .string("cipher_exclusions", list.exclude_ciphers)
        .number("argv_size", std::ssize(list.match));
    for (const std::string& one : list.match) {
        out.string("argv_value", one);
    }
    out.string("mdalg", list.digest).number("dane", list.dane ? 1 : 0);
    if (!list.dane) {
        return;
    }
    out.string("domain", list.dane_domain).number("count", std::ssize(list.dane_records));
    for (const TlsproxyTlsa& record : list.dane_records) {
        out.number("usage", record.usage)
            .number("selector", record.selector)
            .number("mtype", record.matching)
            .data("data", record.data);
    }
}

}  // namespace

TlsproxyClientList tlsproxy_settings(const Config& config, const std::string& prefix) {
    const auto text = [&](std::string_view tail) {
        return config.text_value(prefix + "_tls_" + std::string(tail));
    };
    TlsproxyClientList list;
    list.high_ciphers = config.tls_high_cipherlist();
    list.medium_ciphers = config.tls_medium_cipherlist();
    list.null_ciphers = config.tls_null_cipherlist();
    list.auto_curves = config.tls_eecdh_auto_curves();
    list.workarounds = config.tls_disable_workarounds();
    list.ssl_options = config.tls_ssl_options();
    list.append_default_ca = config.tls_append_default_CA();
    list.many_wildcard_labels = config.tls_wildcard_matches_multiple_labels();
    list.log_param = prefix + "_tls_loglevel";
    list.log_level = text("loglevel");
    list.verify_depth =
        static_cast<std::uint32_t>(config.int_value(prefix + "_tls_scert_verifydepth"));
    list.cache_type = prefix;
    list.chain_files = text("chain_files");
    list.cert_file = text("cert_file");
    list.key_file = text("key_file");
    list.dcert_file = text("dcert_file");
    list.dkey_file = text("dkey_file");
    list.eccert_file = text("eccert_file");
    list.eckey_file = text("eckey_file");
    list.ca_file = text("CAfile");
    list.ca_path = text("CApath");
    list.digest = text("fingerprint_digest");
    return list;
}

std::string format_tlsproxy_client_list(const Config& config, const TlsproxyClientList& list) {
    AttrWriter out;
    put_process_settings(out, config, list);
    put_certificates(out, list);
    put_connection(out, list);
    return out.end().take();
}

Result<TlsproxyClientList> parse_tlsproxy_client_list(const Attributes& attributes) {
    AttrReader reader(attributes);
    TlsproxyClientList list;
    take_process_settings(reader, list);
    take_certificates(reader, list);
    take_connection(reader, list);
    if (reader.failed()) {
        return fail(Errc::kCorrupt, reader.error());
    }
    return list;
}

std::string format_tlsproxy_context(const TlsproxyContext& context) {
    AttrWriter writer;
    writer.string("peer_CN", context.peer_cn)
        .string("issuer_CN", context.issuer_cn)
        .string("peer_fingerprint", context.fingerprint)
        .string("peer_pubkey_fingerprint", context.key_fingerprint)
        .number("level", context.level)
        .number("peer_status", context.status)
        .string("cipher_protocol", context.protocol)
        .string("cipher_name", context.cipher)
        .number("cipher_usebits", context.cipher_bits_used)
        .number("cipher_algbits", context.cipher_bits)
        .string("key_exchange", context.exchange.name)
        .string("key_exchange_curve", context.exchange.curve)
        .number("key_exchange_bits", context.exchange.bits);
    const auto signature = [&writer](const std::string& side, const TlsproxyKey& key) {
        writer.string(side + "_signature", key.name)
            .string(side + "_signature_curve", key.curve)
            .number(side + "_signature_bits", key.bits)
            .string(side + "_signature_digest", key.digest);
    };
    signature("clnt", context.client_signature);
    signature("srvr", context.server_signature);
    return writer.string("namaddr", context.peer).end().take();
}

Result<TlsproxyContext> parse_tlsproxy_context(const Attributes& attributes) {
    AttrReader in(attributes);
    TlsproxyContext context;
    context.peer_cn = in.string("peer_CN");
    context.issuer_cn = in.string("issuer_CN");
    context.fingerprint = in.string("peer_fingerprint");
    context.key_fingerprint = in.string("peer_pubkey_fingerprint");
    context.level = in.signed_number("level");
    context.status = in.number("peer_status");
    context.protocol = in.string("cipher_protocol");
    context.cipher = in.string("cipher_name");
    context.cipher_bits_used = in.signed_number("cipher_usebits");
    context.cipher_bits = in.signed_number("cipher_algbits");
    context.exchange.name = in.string("key_exchange");
    context.exchange.curve = in.string("key_exchange_curve");
    context.exchange.bits = in.signed_number("key_exchange_bits");
    const auto signature = [&in](const std::string& side, TlsproxyKey& key) {
        key.name = in.string(side + "_signature");
        key.curve = in.string(side + "_signature_curve");
        key.bits = in.signed_number(side + "_signature_bits");
        key.digest = in.string(side + "_signature_digest");
    };
    signature("clnt", context.client_signature);
    signature("srvr", context.server_signature);
    context.peer = in.string("namaddr");
    if (in.failed()) {
        return fail(Errc::kCorrupt, in.error());
    }
    return context;
}

}  // namespace relais
