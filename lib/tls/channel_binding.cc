#include "lib/tls/channel_binding.h"

#include <array>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace relais {

std::string exporter_binding(SSL* ssl) {
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    // Below TLS 1.3 the master secret must depend on the whole handshake (RFC 9266 4.2).
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) {
        return "";
    }
    std::array<unsigned char, 32> out{};
    bool made = SSL_export_keying_material(ssl, out.data(), out.size(), kLabel.data(),
                                           kLabel.size(), out.data(), 0, 1) == 1;
    return made ? std::string(reinterpret_cast<const char*>(out.data()), out.size()) : "";
}

std::string server_end_point_binding(SSL* ssl) {
    const X509* certificate = SSL_get_certificate(ssl);
    int digest_id = 0;
    if (certificate == nullptr ||
        X509_get_signature_info(const_cast<X509*>(certificate), &digest_id, nullptr, nullptr,
                                nullptr) != 1) {
        return "";
    }
    // MD5 and SHA-1 are too weak for it, and some signatures have no digest of their own.
    bool own = digest_id != NID_md5 && digest_id != NID_sha1 && digest_id != NID_undef;
    const EVP_MD* digest = own ? EVP_get_digestbynid(digest_id) : EVP_sha256();
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    bool made = digest != nullptr && X509_digest(certificate, digest, out.data(), &size) == 1;
    return made ? std::string(reinterpret_cast<const char*>(out.data()), size) : "";
}

}  // namespace relais
