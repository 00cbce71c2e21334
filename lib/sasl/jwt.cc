#include "lib/sasl/jwt.h"

#include <algorithm>
#include <memory>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kMostBytes = 16384;

struct Free {
    void operator()(BIO* bio) const { ::BIO_free(bio); }

    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }

    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }

    void operator()(ECDSA_SIG* signature) const { ::ECDSA_SIG_free(signature); }
};

// RFC 7515 2: the other alphabet, without padding.
std::optional<std::string> base64url_decode(std::string_view text) {
    std::string other(text);
    std::ranges::replace(other, '-', '+');
    std::ranges::replace(other, '_', '/');
    other.append((4 - other.size() % 4) % 4, '=');
    return text.find_first_of("+/=") == text.npos ? base64_decode(other) : std::nullopt;
}

// "HS256" and so on; null for others.
const EVP_MD* digest_of(std::string_view algorithm) {
    std::string_view bits = algorithm.size() == 5 ? algorithm.substr(2) : "";
    return bits == "256"   ? EVP_sha256()
           : bits == "384" ? EVP_sha384()
           : bits == "512" ? EVP_sha512()
                           : nullptr;
}

bool is_known(std::string_view algorithm) {
    std::string_view kind = algorithm.substr(0, 2);
    return (kind == "HS" || kind == "RS" || kind == "ES") && digest_of(algorithm) != nullptr;
}

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac_of(const EVP_MD* digest, std::string_view key, std::string_view text) {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    ::HMAC(digest, key.data(), static_cast<int>(key.size()), bytes(text), text.size(),
           reinterpret_cast<unsigned char*>(out.data()), &size);
    out.resize(size);
    return out;
}

// RFC 7518 3.4: R and S one after the other, as OpenSSL wants them.
std::string ecdsa_der(std::string_view signature) {
    auto half = static_cast<int>(signature.size() / 2);
    std::unique_ptr<ECDSA_SIG, Free> made(::ECDSA_SIG_new());
    BIGNUM* r = ::BN_bin2bn(bytes(signature), half, nullptr);
    BIGNUM* s = ::BN_bin2bn(bytes(signature) + half, half, nullptr);
    if (!made || ::ECDSA_SIG_set0(made.get(), r, s) != 1) {
        ::BN_free(r);
        ::BN_free(s);
        return "";
    }
    unsigned char* text = nullptr;
    int size = ::i2d_ECDSA_SIG(made.get(), &text);
    std::string der(reinterpret_cast<const char*>(text),
                    static_cast<std::size_t>(std::max(size, 0)));
    ::OPENSSL_free(text);
    return der;
}

// The bytes of R and S (RFC 7518 3.4) for the curve of the algorithm.
std::size_t ecdsa_size(std::string_view algorithm) {
    return algorithm == "ES256" ? 64 : algorithm == "ES384" ? 96 : 132;
}

bool is_signed(const EVP_MD* digest, EVP_PKEY* key, std::string_view text,
               std::string_view signature) {
    std::unique_ptr<EVP_MD_CTX, Free> context(::EVP_MD_CTX_new());
    return context && ::EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
           ::EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                              text.size()) == 1;
}

}  // namespace

Result<TokenClaims> TokenClaims::parse(std::string_view json) {
    auto members = parse_json_object(json);
    if (!members) {
        return fail(Errc::kSyntax, "no object of JSON");
    }
    TokenClaims claims;
    claims.members_ = std::move(*members);
    return claims;
}

std::vector<std::string> TokenClaims::all(std::string_view name) const {
    auto found = std::ranges::find(members_, name, &JsonMember::name);
    return found == members_.end() ? std::vector<std::string>() : found->values;
}

std::string TokenClaims::get(std::string_view name) const {
    auto values = all(name);
    return values.empty() ? "" : values.front();
}

Result<Jwt> Jwt::parse(std::string_view token) {
    auto parts = split_fields(token, '.');
    if (token.size() > kMostBytes || parts.size() != 3) {
        return fail(Errc::kSyntax, "not a JSON web token");
    }
    auto header = base64url_decode(parts[0]);
    auto body = base64url_decode(parts[1]);
    auto signature = base64url_decode(parts[2]);
    auto about = header ? TokenClaims::parse(*header) : fail(Errc::kSyntax, "");
    auto claims = body ? TokenClaims::parse(*body) : fail(Errc::kSyntax, "");
    if (!about || !claims || !signature) {
        return fail(Errc::kSyntax, "not a JSON web token");
    }
    std::string type = about->get("typ");
    if (!iequals(type, "JWT") && !iequals(type, "at+jwt")) {
        return fail(Errc::kSyntax, format("a token of type {}", printable(type)));
    }
    Jwt made;
    made.algorithm = about->get("alg");
    if (!is_known(made.algorithm)) {
        return fail(Errc::kSyntax, format("algorithm {} is not known", printable(made.algorithm)));
    }
    made.key_id = about->get("kid");
    made.claims = std::move(*claims);
    made.signed_text = token.substr(0, parts[0].size() + 1 + parts[1].size());
    made.signature = std::move(*signature);
    return made;
}

Result<void> Jwt::verify(std::string_view key) const {
    const EVP_MD* digest = digest_of(algorithm);
    auto wrong = fail(Errc::kDenied, "the signature of the token is wrong");
    if (algorithm.starts_with("HS")) {
        auto secret = base64_decode(trim(key));
        if (!secret || secret->empty()) {
            return fail(Errc::kSyntax, "the secret is not in base64");
        }
        bool right = equal_secrets(hmac_of(digest, *secret, signed_text), signature);
        return right ? Result<void>() : wrong;
    }
    std::unique_ptr<BIO, Free> source(::BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    std::unique_ptr<EVP_PKEY, Free> public_key(
        ::PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr));
    bool curve = algorithm.starts_with("ES");
    if (!public_key ||
        ::EVP_PKEY_get_base_id(public_key.get()) != (curve ? EVP_PKEY_EC : EVP_PKEY_RSA)) {
        return fail(Errc::kSyntax, format("no public key for {} in PEM form", algorithm));
    }
    if (curve && signature.size() != ecdsa_size(algorithm)) {
        return wrong;
    }
    bool right =
        is_signed(digest, public_key.get(), signed_text, curve ? ecdsa_der(signature) : signature);
    return right ? Result<void>() : wrong;
}

Result<void> Jwt::check_time(std::int64_t now) const {
    struct Limit {
        std::string_view name;
        bool end;
        std::string_view says;
    };

    constexpr Limit kLimits[] = {{"exp", true, "the token has expired"},
                                 {"nbf", false, "the token is not valid yet"},
                                 {"iat", false, "the token is from the future"}};
    for (const Limit& limit : kLimits) {
        std::string text = claims.get(limit.name);
        auto value = parse_uint(std::string_view(text).substr(0, text.find('.')));
        if (text.empty()) {
            continue;
        }
        if (!value) {
            return fail(Errc::kDenied, format("{} of the token is no time", limit.name));
        }
        auto time = static_cast<std::int64_t>(*value);
        if (limit.end ? time <= now : time > now) {
            return fail(Errc::kDenied, std::string(limit.says));
        }
    }
    return {};
}

}  // namespace relais
