#include "lib/tls/dane.h"

#include <algorithm>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr unsigned kSha256 = 1, kSha512 = 2, kLastType = 255;

// RFC 7218 2.3: the numbers of these two are fixed.
std::optional<unsigned> fixed_type(std::string_view name) {
    return iequals(name, "sha256")   ? std::optional(kSha256)
           : iequals(name, "sha512") ? std::optional(kSha512)
                                     : std::nullopt;
}

// "sha256", "sha384=17": the matching type.
std::optional<unsigned> matching_type(std::string_view word, std::string_view name) {
    if (word.size() <= name.size() + 1) {  // "sha256=" says no more than "sha256"
        if (const auto type = fixed_type(name)) {
            return type;
        }
        log_warning("tls_dane_digests: digest algorithm {} needs an explicit number", name);
        return std::nullopt;
    }
    const auto number = parse_uint(word.substr(name.size() + 1));
    if (!number || *number > kLastType || *number == 0) {
        log_warning("{} matching type number in tls_dane_digests: {}",
                    number && *number == 0 ? "Reserved" : "Invalid", word);
        return std::nullopt;
    }
    const auto type = static_cast<unsigned>(*number);
    for (const std::string_view fixed : {"sha256", "sha512"}) {
        if (type == fixed_type(fixed) && !iequals(name, fixed)) {
            log_warning("tls_dane_digests: matching type {} can only be {}", type, fixed);
            return std::nullopt;
        }
    }
    return type;
}

}  // namespace

void enable_dane(SSL_CTX* ctx, std::string_view digests) {
    if (SSL_CTX_dane_enable(ctx) != 1) {
        log_warning("cannot set up DANE");
        log_tls_errors();
        return;
    }
    // RFC 7672 3.1.1: a certificate that is named itself may bear any name.
    SSL_CTX_dane_set_flags(ctx, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (const unsigned type : {kSha256, kSha512}) {
        SSL_CTX_dane_mtype_set(ctx, nullptr, static_cast<std::uint8_t>(type), 0);
    }
    std::uint8_t order = 255;
    std::vector<unsigned> known;
    for (const auto word : split_words(digests, " \t\r\n,")) {
        const auto name = word.substr(0, word.find('='));
        const auto type = matching_type(word, name);
        if (!type) {
            continue;
        }
        const EVP_MD* digest = EVP_get_digestbyname(std::string(name).c_str());
        if (digest == nullptr) {
            log_warning("tls_dane_digests: digest algorithm \"{}\"({}) unknown", printable(name),
                        *type);
            continue;
        }
        if (std::ranges::find(known, *type) != known.end() || order == 0) {
            log_warning("tls_dane_digests: matching type {} specified more than once", *type);
            continue;
        }
        known.push_back(*type);
        SSL_CTX_dane_mtype_set(ctx, digest, static_cast<std::uint8_t>(*type), order--);
    }
    ERR_clear_error();
}

int use_tlsa_records(SSL* ssl, const std::vector<TlsaRecord>& records, const std::string& peer) {
    if (SSL_dane_enable(ssl, nullptr) <= 0) {
        log_warning("{}: cannot use TLSA records", peer);
        log_tls_errors();
        return 0;
    }
    int usable = 0;
    for (const auto& record : records) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(record.data.data());
        const bool added = SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching,
                                             bytes, record.data.size()) == 1;
        if (added) {
            ++usable;
        } else {
            log_warning("{}: unusable TLSA RR: {}", peer, tlsa_text(record));
        }
    }
    ERR_clear_error();
    return usable;
}

}  // namespace relais
