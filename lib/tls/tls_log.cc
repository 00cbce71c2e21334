#include "lib/tls/tls_log.h"

#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/session_notes.h"

namespace relais {

namespace {

constexpr std::size_t kRow = 16;

void on_step(const SSL* ssl, int where, int result) {
    std::string_view role = (where & SSL_ST_CONNECT) != 0  ? "SSL_connect"
                            : (where & SSL_ST_ACCEPT) != 0 ? "SSL_accept"
                                                           : "unknown";
    if ((where & SSL_CB_LOOP) != 0) {
        log_info("{}:{}", role, SSL_state_string_long(ssl));
    } else if ((where & SSL_CB_ALERT) != 0) {
        if ((result & 0xff) != SSL_AD_CLOSE_NOTIFY) {
            log_info("SSL3 alert {}:{}:{}", (where & SSL_CB_READ) != 0 ? "read" : "write",
                     SSL_alert_type_string_long(result), SSL_alert_desc_string_long(result));
        }
    } else if ((where & SSL_CB_EXIT) != 0 && result == 0) {
        log_info("{}:failed in {}", role, SSL_state_string_long(ssl));
    } else if ((where & SSL_CB_EXIT) != 0 && result < 0 && !SSL_want_read(ssl) &&
               !SSL_want_write(ssl) && SSL_want(ssl) != SSL_CLIENT_HELLO_CB) {
        log_info("{}:error in {}", role, SSL_state_string_long(ssl));
    }
}

std::string one_line(const X509_NAME* name) {
    std::array<char, 256> text{};
    X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
    return printable(text.data());
}

void dump(std::string_view bytes) {
    std::size_t end = bytes.find_last_not_of(std::string_view(" \0", 2));
    std::string_view shown = bytes.substr(0, end == std::string_view::npos ? 0 : end + 1);
    for (std::size_t at = 0; at < shown.size(); at += kRow) {
        log_info("{}", dump_row(at, shown.substr(at, kRow)));
    }
    if (shown.size() < bytes.size()) {
        log_info("{:04x} - <SPACES/NULLS>", shown.size());
    }
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's signature
long on_bytes(BIO* bio, int operation, const char* bytes, std::size_t size, int /*number*/,
              long /*offset*/, int result, std::size_t* processed) {
    bool reads = operation == (BIO_CB_READ | BIO_CB_RETURN);
    if (!reads && operation != (BIO_CB_WRITE | BIO_CB_RETURN)) {
        return result;
    }
    std::size_t moved = result > 0 && processed != nullptr ? *processed : 0;
    auto where = reinterpret_cast<std::uintptr_t>(bio);
    auto at = reinterpret_cast<std::uintptr_t>(bytes);
    std::string line =
        format("{} {:08X} [{:08X}] ({} bytes => {}", reads ? "read from" : "write to", where, at,
               size, result > 0 ? static_cast<long>(moved) : result);
    line += result > 0 ? format(" (0x{:X}))", moved) : ")";
    log_info("{}", line);
    if (moved > 0) {
        dump({bytes, moved});
    }
    return result;
}

}  // namespace

void log_handshake_steps(SSL_CTX* ctx) {
    SSL_CTX_set_info_callback(ctx, on_step);
}

void log_chain_certificate(X509_STORE_CTX* store, int verified) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    X509* certificate = X509_STORE_CTX_get_current_cert(store);
    std::string subject =
        certificate != nullptr ? one_line(X509_get_subject_name(certificate)) : "unknown";
    log_info("{}: depth={} verify={} subject={}", notes_of(ssl).peer,
             X509_STORE_CTX_get_error_depth(store), verified, subject);
}

void log_peer_certificate(X509* certificate, const TlsInfo& info, const std::string& peer) {
    log_info("subject={}", one_line(X509_get_subject_name(certificate)));
    log_info("issuer={}", one_line(X509_get_issuer_name(certificate)));
    log_info("{}: subject_CN={}, issuer={}, fingerprint={}, pkey_fingerprint={}", peer,
             info.peer_cn, info.issuer_cn, info.certificate_fingerprint, info.key_fingerprint);
}

void log_server_certificate(const TlsInfo& info, const std::string& peer) {
    log_info("{}: subject_CN={}, issuer_CN={}, fingerprint={}, pkey_fingerprint={}", peer,
             info.peer_cn, info.issuer_cn, info.certificate_fingerprint, info.key_fingerprint);
}

void log_dane_match(SSL* ssl, const std::string& peer) {
    EVP_PKEY* key = nullptr;
    const int depth = SSL_get0_dane_authority(ssl, nullptr, &key);
    TlsaRecord record;
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (depth < 0 || SSL_get0_dane_tlsa(ssl, &record.usage, &record.selector, &record.matching,
                                        &data, &size) < 0) {
        return;
    }
    record.data.assign(reinterpret_cast<const char*>(data), size);
    const std::string_view what = key != nullptr      ? "TA public key verified certificate"
                                  : record.usage == 3 ? "EE certificate"
                                                      : "TA certificate";
    log_info("{}: Matched DANE {} at depth {}: {}", peer, what, depth, tlsa_text(record));
    if (const char* name = SSL_get0_peername(ssl); name != nullptr) {
        log_info("{}: matched peername: {}", peer, printable(name));
    }
}

void dump_bytes(BIO* bio) {
    BIO_set_callback_ex(bio, on_bytes);
}

void stop_dump(BIO* bio) {
    BIO_set_callback_ex(bio, nullptr);
}

std::string dump_row(std::size_t offset, std::string_view bytes) {
    std::string row = format("{:04x} ", offset);
    std::string text;
    for (std::size_t i = 0; i < kRow; ++i) {
        if (i >= bytes.size()) {
            row += "   ";
            continue;
        }
        auto byte = static_cast<unsigned char>(bytes[i]);
        row += format("{:02x}{}", byte, i == kRow / 2 - 1 ? '|' : ' ');
        text += byte >= ' ' && byte < 127 ? static_cast<char>(byte) : '.';
        text += i == kRow / 2 - 1 ? " " : "";
    }
    return row + " " + text;
}

void log_plain_text(std::string_view what, std::string_view bytes) {
    constexpr std::size_t kShown = 40;
    log_info("{} {} chars: {}", what, bytes.size(), printable(bytes.substr(0, kShown)));
}

}  // namespace relais
