#include "lib/sasl/password.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

enum class Encoding { kUnsaid, kHex, kBase64, kUnknown };

struct Stored {
    std::string scheme;  // upper case
    Encoding encoding = Encoding::kUnsaid;
    std::string_view data;
};

// The digest schemes; `salted` ones carry the salt behind the digest.
struct DigestScheme {
    std::string_view name;
    const EVP_MD* (*digest)();
    bool salted;
    Encoding usual;
};

constexpr std::array<DigestScheme, 12> kDigests = {{
    {"SHA", &EVP_sha1, false, Encoding::kBase64},
    {"SHA1", &EVP_sha1, false, Encoding::kBase64},
    {"SSHA", &EVP_sha1, true, Encoding::kBase64},
    {"SHA224", &EVP_sha224, false, Encoding::kBase64},
    {"SHA256", &EVP_sha256, false, Encoding::kBase64},
    {"SSHA256", &EVP_sha256, true, Encoding::kBase64},
    {"SHA384", &EVP_sha384, false, Encoding::kBase64},
    {"SHA512", &EVP_sha512, false, Encoding::kBase64},
    {"SSHA512", &EVP_sha512, true, Encoding::kBase64},
    {"PLAIN-MD5", &EVP_md5, false, Encoding::kHex},
    {"LDAP-MD5", &EVP_md5, false, Encoding::kBase64},
    {"SMD5", &EVP_md5, true, Encoding::kBase64},
}};

constexpr std::size_t kCramState = 32;

constexpr std::array<std::string_view, 3> kPlain = {"PLAIN", "CLEARTEXT", "CLEAR"};

// The crypt(3) schemes, and how their hashes begin.
struct CryptScheme {
    std::string_view name;
    std::string_view prefix;
};

constexpr std::array<CryptScheme, 6> kCrypt = {{{"CRYPT", ""},
                                                {"SHA256-CRYPT", "$5$"},
                                                {"SHA512-CRYPT", "$6$"},
                                                {"BLF-CRYPT", "$2"},
                                                {"MD5-CRYPT", "$1$"},
                                                {"DES-CRYPT", ""}}};

const CryptScheme* find_crypt(std::string_view name) {
    auto found = std::ranges::find(kCrypt, name, &CryptScheme::name);
    return found == kCrypt.end() ? nullptr : &*found;
}

// {MD5} stands for two schemes: which of them it is, the form says.
void name_md5(Stored& stored) {
    if (stored.scheme == "MD5") {
        stored.scheme = stored.data.starts_with("$1$") ? "MD5-CRYPT" : "PLAIN-MD5";
    }
}

Stored parse_stored(std::string_view stored, std::string_view default_scheme) {
    Stored parsed;
    auto end = stored.starts_with('{') ? stored.find('}') : std::string_view::npos;
    if (end == std::string_view::npos) {
        parsed.scheme = uppercase(default_scheme);
        parsed.data = stored;
        name_md5(parsed);
        return parsed;
    }
    parsed.scheme = uppercase(stored.substr(1, end - 1));
    parsed.data = stored.substr(end + 1);
    name_md5(parsed);
    auto dot = split_last(parsed.scheme, '.');
    if (dot) {
        parsed.encoding = dot->second == "HEX"                              ? Encoding::kHex
                          : dot->second == "B64" || dot->second == "BASE64" ? Encoding::kBase64
                                                                            : Encoding::kUnknown;
        parsed.scheme = std::string(dot->first);
    }
    return parsed;
}

std::optional<std::string> decode(std::string_view text, Encoding encoding) {
    return encoding == Encoding::kHex ? hex_decode(text) : base64_decode(text);
}

std::optional<std::string> decode(const Stored& stored, const DigestScheme& scheme,
                                  std::size_t digest_size) {
    Encoding encoding = stored.encoding == Encoding::kUnsaid ? scheme.usual : stored.encoding;
    // Without a word about it, a text of exactly twice the digest's length can only be hex.
    if (stored.encoding == Encoding::kUnsaid && !scheme.salted &&
        stored.data.size() == 2 * digest_size) {
        encoding = Encoding::kHex;
    }
    return decode(stored.data, encoding);
}

std::string digest_of(const EVP_MD* kind, std::string_view first, std::string_view second) {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                    &EVP_MD_CTX_free);
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    if (EVP_DigestInit_ex(context.get(), kind, nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
        EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out.data(), &size) != 1) {
        return "";
    }
    return std::string(reinterpret_cast<const char*>(out.data()), size);
}

Result<bool> verify_digest(std::string_view password, const Stored& stored,
                           const DigestScheme& scheme) {
    const EVP_MD* kind = scheme.digest();
    std::size_t size = static_cast<std::size_t>(EVP_MD_get_size(kind));
    auto bytes = decode(stored, scheme, size);
    if (!bytes || bytes->size() < size || (!scheme.salted && bytes->size() != size)) {
        return fail(Errc::kSyntax, "the stored {" + stored.scheme + "} password is malformed");
    }
    std::string_view salt = std::string_view(*bytes).substr(size);
    std::string made = digest_of(kind, password, salt);
    return equal_secrets(made, std::string_view(*bytes).substr(0, size));
}

bool is_plain(std::string_view scheme) {
    return std::ranges::find(kPlain, scheme) != kPlain.end();
}

// Of schemes whose stored form is a text: that text.
std::optional<std::string> decoded_text(const Stored& stored) {
    return stored.encoding == Encoding::kUnsaid ? std::string(stored.data)
                                                : decode(stored.data, stored.encoding);
}

std::optional<std::string> plain_text(const Stored& stored) {
    return is_plain(stored.scheme) ? decoded_text(stored) : std::nullopt;
}

std::optional<std::string> cram_md5_stored(const Stored& stored) {
    if (stored.scheme != "CRAM-MD5" && stored.scheme != "HMAC-MD5") {
        return std::nullopt;
    }
    bool hex = stored.encoding == Encoding::kUnsaid || stored.encoding == Encoding::kHex;
    auto state = decode(stored.data, hex ? Encoding::kHex : Encoding::kBase64);
    return state && state->size() == kCramState ? state : std::nullopt;
}

Result<bool> verify_crypt(std::string_view password, const Stored& stored,
                          const CryptScheme& scheme) {
    if (stored.data.empty() || stored.data.front() == '!' || stored.data.front() == '*') {
        return false;  // locked, as in shadow(5)
    }
    if (!stored.data.starts_with(scheme.prefix)) {
        return fail(Errc::kSyntax, "the stored {" + stored.scheme + "} password is malformed");
    }
    if (password.find('\0') != std::string_view::npos) {
        return false;
    }
    auto data = std::make_unique<crypt_data>();
    std::string setting(stored.data);
    std::string text(password);
    const char* made = ::crypt_r(text.c_str(), setting.c_str(), data.get());
    OPENSSL_cleanse(text.data(), text.size());
    if (made == nullptr || made[0] == '*') {
        return fail(Errc::kSyntax, "the stored {" + stored.scheme + "} password is malformed");
    }
    return equal_secrets(made, setting);
}

}  // namespace

Result<bool> verify_password(std::string_view password, std::string_view stored,
                             std::string_view default_scheme, std::string_view user) {
    Stored parsed = parse_stored(stored, default_scheme);
    if (parsed.encoding == Encoding::kUnknown) {
        return fail(Errc::kSyntax,
                    "unknown encoding of a {" + printable(parsed.scheme) + "} password");
    }
    auto digest = std::ranges::find(kDigests, parsed.scheme, &DigestScheme::name);
    if (digest != kDigests.end()) {
        return verify_digest(password, parsed, *digest);
    }
    auto text = decoded_text(parsed);
    if (!text) {
        return fail(Errc::kSyntax, "the stored {" + parsed.scheme + "} password is malformed");
    }
    if (is_plain(parsed.scheme)) {
        return equal_secrets(password, *text);
    }
    if (const DerivedScheme* derived = DerivedScheme::find(parsed.scheme)) {
        return derived->verify(password, *text, parsed.encoding != Encoding::kUnsaid, user);
    }
    parsed.data = *text;
    if (const CryptScheme* crypt_scheme = find_crypt(parsed.scheme)) {
        return verify_crypt(password, parsed, *crypt_scheme);
    }
    return fail(Errc::kSyntax, "unknown password scheme {" + printable(parsed.scheme) + "}");
}

Result<bool> verify_response(std::string_view mechanism, std::string_view challenge,
                             std::string_view digest, std::string_view stored,
                             std::string_view default_scheme) {
    Stored parsed = parse_stored(stored, default_scheme);
    auto secret = plain_text(parsed);
    if (mechanism == "APOP" && secret) {
        return equal_secrets(digest_of(EVP_md5(), challenge, *secret), digest);
    }
    auto state = secret ? cram_md5_state(*secret) : cram_md5_stored(parsed);
    if (mechanism == "CRAM-MD5" && state) {
        return equal_secrets(cram_md5_response(*state, challenge), digest);
    }
    return fail(Errc::kSyntax,
                format("a {{{}}} password does not serve {}", printable(parsed.scheme), mechanism));
}

std::optional<ScramKeys> scram_keys(ScramHash hash, std::string_view stored,
                                    std::string_view default_scheme) {
    constexpr unsigned kIterations = 4096;
    Stored parsed = parse_stored(stored, default_scheme);
    if (auto secret = plain_text(parsed)) {
        return make_scram_keys(hash, *secret, random_secret(16), kIterations);
    }
    bool fits = parsed.scheme == (hash == ScramHash::kSha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256");
    return fits ? parse_scram_keys(hash, decoded_text(parsed).value_or("")) : std::nullopt;
}

std::optional<std::string> digest_md5_key(std::string_view stored, std::string_view default_scheme,
                                          std::string_view user, std::string_view realm) {
    Stored parsed = parse_stored(stored, default_scheme);
    if (auto secret = plain_text(parsed)) {
        return digest_of(EVP_md5(), format("{}:{}:", user, realm), *secret);
    }
    auto text = parsed.scheme == "DIGEST-MD5" ? decoded_text(parsed) : std::nullopt;
    if (!text) {
        return std::nullopt;
    }
    auto key = parsed.encoding == Encoding::kUnsaid ? hex_decode(*text) : text;
    return key && key->size() == std::size_t{16} ? key : std::nullopt;
}

bool is_slow_scheme(std::string_view stored, std::string_view default_scheme) {
    std::string scheme = parse_stored(stored, default_scheme).scheme;
    const DerivedScheme* derived = DerivedScheme::find(scheme);
    return derived != nullptr ? derived->is_slow() : find_crypt(scheme) != nullptr;
}

std::string password_digest(std::string_view key, std::string_view user,
                            std::string_view password) {
    std::string text = format("{}:{}:", user.size(), user);
    text += password;
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
    OPENSSL_cleanse(text.data(), text.size());
    return std::string(reinterpret_cast<const char*>(out.data()), size);
}

std::string sha1_of_password(std::string_view password) {
    return base64_encode(digest_of(EVP_sha1(), password, ""));
}

std::string random_secret(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
        log_fatal("the system has no random numbers");
    }
    return bytes;
}

bool equal_secrets(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace relais
