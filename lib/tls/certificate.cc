#include "lib/tls/certificate.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <openssl/x509v3.h>

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMaxNames = 1000;
constexpr std::size_t kMaxName = 255;

// Text of a certificate as UTF-8.  Empty when it has NUL or other control bytes, or is too long: a
// name that reads differently elsewhere must match nothing.
std::string clean_text(const ASN1_STRING* value) {
    unsigned char* utf8 = nullptr;
    int length = ASN1_STRING_to_UTF8(&utf8, value);
    if (length < 0) {
        ERR_clear_error();
        return {};
    }
    std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
        utf8, [](unsigned char* p) { OPENSSL_free(p); });
    std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
    bool control = std::any_of(text.begin(), text.end(),
                               [](char c) { return (c >= 0 && c < ' ') || c == 127; });
    return control || text.size() > kMaxName || !is_utf8(text) ? std::string() : text;
}

std::string name_entry(const X509_NAME* name, int nid) {
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0) {
        return {};
    }
    return clean_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::string hex_digest(const unsigned char* bytes, unsigned length) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
        text += i > 0 ? ":" : "";
        text += kHex[bytes[i] >> 4];
        text += kHex[bytes[i] & 15];
    }
    return text;
}

}  // namespace

std::vector<std::string> certificate_names(X509* certificate) {
    std::vector<std::string> names;
    bool has_dns_name = false;
    std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>> alternatives(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    int count = alternatives ? sk_GENERAL_NAME_num(alternatives.get()) : 0;
    for (int i = 0; i < count && names.size() < kMaxNames; ++i) {
        const GENERAL_NAME* entry = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (entry->type == GEN_DNS) {
            has_dns_name = true;
            if (std::string name = clean_text(entry->d.dNSName); !name.empty()) {
                names.push_back(std::move(name));
            }
        }
    }
    // RFC 6125 6.4.4: the common name counts only where there is no DNS name.
    if (!has_dns_name) {
        if (std::string name = subject_common_name(certificate); !name.empty()) {
            names.push_back(std::move(name));
        }
    }
    ERR_clear_error();
    return names;
}

std::string subject_common_name(X509* certificate) {
    return name_entry(X509_get_subject_name(certificate), NID_commonName);
}

std::string issuer_common_name(X509* certificate) {
    const X509_NAME* name = X509_get_issuer_name(certificate);
    std::string text = name_entry(name, NID_commonName);
    return text.empty() ? name_entry(name, NID_organizationName) : text;
}

static std::string one_line(const X509_NAME* name) {
    std::array<char, 256> text{};
    X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
    return printable(text.data());
}

std::string issuer_line(X509* certificate) {
    return one_line(X509_get_issuer_name(certificate));
}

std::string subject_line(X509* certificate) {
    return one_line(X509_get_subject_name(certificate));
}

std::string certificate_fingerprint(X509* certificate, const EVP_MD* digest) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned length = 0;
    if (X509_digest(certificate, digest, bytes.data(), &length) != 1) {
        ERR_clear_error();
        return {};
    }
    return hex_digest(bytes.data(), length);
}

namespace {

// Of DER bytes that the library made; -1: it could not.
std::string fingerprint_of(unsigned char* der, int size, const EVP_MD* digest) {
    if (size < 0) {
        ERR_clear_error();
        return {};
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned length = 0;
    int done =
        EVP_Digest(der, static_cast<std::size_t>(size), bytes.data(), &length, digest, nullptr);
    OPENSSL_free(der);
    if (done != 1) {
        ERR_clear_error();
        return {};
    }
    return hex_digest(bytes.data(), length);
}

}  // namespace

std::string key_fingerprint(X509* certificate, const EVP_MD* digest) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    return fingerprint_of(der, size, digest);
}

std::string key_fingerprint(const EVP_PKEY* key, const EVP_MD* digest) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key, &der);
    return fingerprint_of(der, size, digest);
}

}  // namespace relais
