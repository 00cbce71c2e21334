#include "lib/tls/trust_anchors.h"

#include <cstring>

#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/tls/openssl_handles.h"

namespace relais {

namespace {

constexpr std::size_t kMostAnchors = 1000;

// One object of a PEM file.
struct PemObject {
    std::string name;
    std::string der;
};

std::optional<PemObject> next_object(BIO* in) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(in, &name, &header, &data, &size) != 1) {
        return std::nullopt;
    }
    PemObject object{name, {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)}};
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return object;
}

}  // namespace

// What OpenSSL cannot make sense of is found out when it is used.
Result<std::vector<TlsaRecord>> parse_trust_anchors(const std::string& pem,
                                                    const std::string& path) {
    constexpr std::uint8_t kIssuer = 2, kServer = 3, kCertificate = 0, kKey = 1, kWhole = 0;
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    std::vector<TlsaRecord> anchors;
    while (auto object = next_object(in.get())) {
        const bool certificate =
            object->name == PEM_STRING_X509 || object->name == PEM_STRING_X509_OLD;
        if ((certificate || object->name == PEM_STRING_PUBLIC) && anchors.size() < kMostAnchors) {
            const auto selector = certificate ? kCertificate : kKey;
            anchors.push_back({kIssuer, selector, kWhole, object->der});
            anchors.push_back({kServer, selector, kWhole, std::move(object->der)});
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        log_tls_errors();
        return fail(Errc::kCorrupt, format("error reading trust anchor file: {}", path));
    }
    ERR_clear_error();
    if (anchors.empty()) {
        return fail(Errc::kCorrupt,
                    format("error reading trust anchor file: {}: it has none", path));
    }
    return anchors;
}

Result<std::vector<TlsaRecord>> read_trust_anchors(const std::string& path) {
    const auto text = read_file(path);
    if (!text) {
        return fail(Errc::kSystem, format("error opening trust anchor file: {}: {}", path,
                                          std::strerror(text.error().sys_errno)));
    }
    return parse_trust_anchors(*text, path);
}

}  // namespace relais
