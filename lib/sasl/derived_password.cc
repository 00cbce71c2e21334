// MD5's state between two blocks is what OpenSSL gives through its old functions alone.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/sasl/derived_password.h"

#include <array>

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/old_password.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kMd5State = 16;
constexpr std::size_t kMd5Block = 64;
constexpr unsigned kMostIterations = 10'000'000;
constexpr std::size_t kPbkdf2Size = 20;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

const EVP_MD* digest_kind(ScramHash hash) {
    return hash == ScramHash::kSha1 ? EVP_sha1() : EVP_sha256();
}

std::string hmac(const EVP_MD* kind, std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    HMAC(kind, key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out.data(),
         &size);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string digest(const EVP_MD* kind, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out.data(), &size, kind, nullptr);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string pbkdf2(const EVP_MD* kind, std::string_view password, std::string_view salt,
                   unsigned iterations, std::size_t size) {
    std::string out(size, '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                      static_cast<int>(salt.size()), static_cast<int>(iterations), kind,
                      static_cast<int>(size), reinterpret_cast<unsigned char*>(out.data()));
    return out;
}

std::unexpected<Error> malformed(std::string_view scheme) {
    return fail(Errc::kSyntax, format("the stored {{{}}} password is malformed", scheme));
}

// -- SCRAM (RFC 5802)
// ------------------------------------------------------------------------------

template <ScramHash hash>
Result<bool> verify_scram(std::string_view password, std::string_view stored, bool /*bytes*/,
                          std::string_view /*user*/) {
    auto keys = parse_scram_keys(hash, stored);
    if (!keys) {
        return malformed("SCRAM");
    }
    ScramKeys made = make_scram_keys(hash, password, keys->salt, keys->iterations);
    return equal_secrets(made.stored_key, keys->stored_key);
}

// -- ARGON2
// ----------------------------------------------------------------------------------------

template <argon2_type type>
Result<bool> verify_argon2(std::string_view password, std::string_view stored, bool /*bytes*/,
                           std::string_view /*user*/) {
    std::string text(stored);
    int outcome = ::argon2_verify(text.c_str(), password.data(), password.size(), type);
    if (outcome != ARGON2_OK && outcome != ARGON2_VERIFY_MISMATCH) {
        return malformed(type == Argon2_i ? "ARGON2I" : "ARGON2ID");
    }
    return outcome == ARGON2_OK;
}

// -- PBKDF2: $1$salt$rounds$hex
// ----------------------------------------------------------------------

Result<bool> verify_pbkdf2(std::string_view password, std::string_view stored, bool /*bytes*/,
                           std::string_view /*user*/) {
    auto fields = split_fields(stored, '$');
    auto rounds = fields.size() == 5 ? parse_uint(fields[3]) : std::nullopt;
    auto wanted = fields.size() == 5 ? hex_decode(fields[4]) : std::nullopt;
    if (!rounds || *rounds == 0 || *rounds > kMostIterations || !wanted || fields[1] != "1" ||
        wanted->size() != kPbkdf2Size) {
        return malformed("PBKDF2");
    }
    return equal_secrets(
        pbkdf2(EVP_sha1(), password, fields[2], static_cast<unsigned>(*rounds), kPbkdf2Size),
        *wanted);
}

// -- CRAM-MD5 (RFC 2195)
// ---------------------------------------------------------------------------

std::string md5_state(const MD5_CTX& context) {
    std::string state;
    for (MD5_LONG word : {context.A, context.B, context.C, context.D}) {
        for (int shift = 0; shift < 32; shift += 8) {
            state += static_cast<char>((word >> shift) & 0xff);
        }
    }
    return state;
}

MD5_CTX md5_from_state(std::string_view state) {
    MD5_CTX context;
    MD5_Init(&context);
    std::size_t at = 0;
    for (MD5_LONG* word : {&context.A, &context.B, &context.C, &context.D}) {
        *word = 0;
        for (int shift = 0; shift < 32; shift += 8) {
            *word |= static_cast<MD5_LONG>(static_cast<unsigned char>(state[at++])) << shift;
        }
    }
    context.Nl = kMd5Block * 8;  // one block is behind it
    return context;
}

std::string state_of_block(std::string_view key, char mask) {
    std::array<char, kMd5Block> block;
    block.fill(mask);
    for (std::size_t i = 0; i < key.size(); ++i) {
        block[i] = static_cast<char>(block[i] ^ key[i]);
    }
    MD5_CTX context;
    MD5_Init(&context);
    MD5_Update(&context, block.data(), block.size());
    OPENSSL_cleanse(block.data(), block.size());
    return md5_state(context);
}

std::string md5_continued(std::string_view state, std::string_view text) {
    MD5_CTX context = md5_from_state(state);
    MD5_Update(&context, text.data(), text.size());
    std::string out(MD5_DIGEST_LENGTH, '\0');
    MD5_Final(reinterpret_cast<unsigned char*>(out.data()), &context);
    return out;
}

Result<bool> verify_hex(const std::string& made, std::string_view stored, bool bytes,
                        std::string_view scheme) {
    auto wanted = bytes ? std::optional<std::string>(stored) : hex_decode(stored);
    if (!wanted || wanted->size() != made.size()) {
        return malformed(scheme);
    }
    return equal_secrets(made, *wanted);
}

Result<bool> verify_cram(std::string_view password, std::string_view stored, bool bytes,
                         std::string_view /*user*/) {
    return verify_hex(cram_md5_state(password), stored, bytes, "CRAM-MD5");
}

// -- DIGEST-MD5 (RFC 2831): of user, realm and password
// ----------------------------------------------

std::string digest_md5_secret(std::string_view password, std::string_view user) {
    auto at = user.rfind('@');
    std::string_view realm = at == std::string_view::npos ? "" : user.substr(at + 1);
    return digest(EVP_md5(), format("{}:{}:{}", user.substr(0, at), realm, password));
}

Result<bool> verify_digest_md5(std::string_view password, std::string_view stored, bool bytes,
                               std::string_view user) {
    return verify_hex(digest_md5_secret(password, user), stored, bytes, "DIGEST-MD5");
}

constexpr DerivedScheme kSchemes[] = {
    {"ARGON2I", verify_argon2<Argon2_i>, true},
    {"ARGON2ID", verify_argon2<Argon2_id>, true},
    {"PBKDF2", verify_pbkdf2, true},
    {"SCRAM-SHA-1", verify_scram<ScramHash::kSha1>, true},
    {"SCRAM-SHA-256", verify_scram<ScramHash::kSha256>, true},
    {"CRAM-MD5", verify_cram, false},
    {"HMAC-MD5", verify_cram, false},
    {"DIGEST-MD5", verify_digest_md5, false},
    {"PLAIN-MD4", verify_md4, false},
    {"PLAIN-TRUNC", verify_truncated, false},
    {"OTP", verify_otp, true},
};

}  // namespace

ScramKeys make_scram_keys(ScramHash hash, std::string_view password, std::string salt,
                          unsigned iterations) {
    const EVP_MD* kind = digest_kind(hash);
    std::string salted =
        pbkdf2(kind, password, salt, iterations, static_cast<std::size_t>(EVP_MD_get_size(kind)));
    return {iterations, std::move(salt), digest(kind, hmac(kind, salted, "Client Key")),
            hmac(kind, salted, "Server Key")};
}

std::optional<ScramKeys> parse_scram_keys(ScramHash hash, std::string_view text) {
    auto fields = split_fields(text, ',');
    auto iterations = fields.size() == 4 ? parse_uint(fields[0]) : std::nullopt;
    if (!iterations || *iterations == 0 || *iterations > kMostIterations) {
        return std::nullopt;
    }
    auto salt = base64_decode(fields[1]);
    auto stored = base64_decode(fields[2]);
    auto server = base64_decode(fields[3]);
    auto size = static_cast<std::size_t>(EVP_MD_get_size(digest_kind(hash)));
    if (!salt || !stored || !server || stored->size() != size || server->size() != size) {
        return std::nullopt;
    }
    return ScramKeys{static_cast<unsigned>(*iterations), std::move(*salt), std::move(*stored),
                     std::move(*server)};
}

std::string scram_hmac(ScramHash hash, std::string_view key, std::string_view text) {
    return hmac(digest_kind(hash), key, text);
}

std::string scram_digest(ScramHash hash, std::string_view text) {
    return digest(digest_kind(hash), text);
}

std::string cram_md5_state(std::string_view password) {
    std::string hashed;
    if (password.size() > kMd5Block) {
        hashed = digest(EVP_md5(), password);
        password = hashed;
    }
    return state_of_block(password, 0x5c) + state_of_block(password, 0x36);
}

std::string cram_md5_response(std::string_view state, std::string_view text) {
    return md5_continued(state.substr(0, kMd5State), md5_continued(state.substr(kMd5State), text));
}

const DerivedScheme* DerivedScheme::find(std::string_view name) {
    for (const DerivedScheme& scheme : kSchemes) {
        if (scheme.name_ == name) {
            return &scheme;
        }
    }
    return nullptr;
}

Result<bool> DerivedScheme::verify(std::string_view password, std::string_view stored, bool bytes,
                                   std::string_view user) const {
    return verify_(password, stored, bytes, user);
}

}  // namespace relais
