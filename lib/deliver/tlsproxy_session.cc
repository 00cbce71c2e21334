#include "lib/deliver/tlsproxy_session.h"

#include <utility>

namespace relais {

namespace {

// Postfix's bits of a certificate.
constexpr std::uint32_t kPresent = 1, kTrusted = 4, kMatched = 8, kSecured = 16;

TlsKey key_of(const TlsproxyKey& key) {
    return {key.name, key.curve, key.bits, key.digest};
}

}  // namespace

void describe_connection(TlsproxyClientList& list, TlsConnectOptions options,
                         const std::string& host) {
    list.timeout = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count());
    list.level = static_cast<std::int32_t>(options.level);
    list.peer = options.peer;
    list.server_name = std::move(options.server_name);
    list.server_id = std::move(options.session_key);
    list.protocols = std::move(options.protocols);
    list.cipher_grade = std::move(options.cipher_grade);
    list.exclude_ciphers = std::move(options.exclude_ciphers);
    list.match = std::move(options.match);
    list.dane = !options.tlsa.empty();
    list.dane_domain = list.server_name.empty() ? host : list.server_name;
    for (TlsaRecord& record : options.tlsa) {
        list.dane_records.push_back(
            {record.usage, record.selector, record.matching, std::move(record.data)});
    }
    list.host = host;
}

Task<Result<TlsproxyContext>> hand_over(Stream* proxy, int fd) {
    std::string trouble;
    try {
        co_await proxy->send_fd(fd);
        const auto list = co_await read_attributes(proxy);
        if (list) {
            co_return parse_tlsproxy_context(*list);
        }
        trouble = list.error().message;
    } catch (const IoError& error) {
        trouble = error.what();
    } catch (const TimedOut& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, trouble);
}

TlsInfo tls_info_of(const TlsproxyContext& context, TlsLevel wanted) {
    TlsLevel level = wanted;
    if (context.level > 0 && context.level <= static_cast<std::int32_t>(wanted)) {
        level = static_cast<TlsLevel>(context.level);
    }
    TlsInfo info;
    info.protocol = context.protocol;
    info.cipher = context.cipher;
    info.cipher_bits_used = context.cipher_bits_used;
    info.cipher_bits = context.cipher_bits;
    info.key_exchange = key_of(context.exchange);
    info.client_signature = key_of(context.client_signature);
    info.server_signature = key_of(context.server_signature);
    info.peer_cn = context.peer_cn;
    info.issuer_cn = context.issuer_cn;
    info.certificate_fingerprint = context.fingerprint;
    info.key_fingerprint = context.key_fingerprint;
    const auto has = [&](std::uint32_t bit) { return (context.status & bit) != 0; };
    info.trust = !has(kPresent)  ? TlsTrust::kAnonymous
                 : has(kSecured) ? TlsTrust::kVerified
                 : has(kTrusted) ? TlsTrust::kTrusted
                                 : TlsTrust::kUntrusted;
    info.level = level;
    info.satisfied = level <= TlsLevel::kEncrypt || has(kMatched);
    return info;
}

}  // namespace relais
