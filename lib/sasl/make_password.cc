#include "lib/sasl/make_password.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <argon2.h>
#include <crypt.h>
#include <openssl/evp.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/derived_password.h"
#include "lib/sasl/old_password.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

enum class Form { kText, kHex, kBase64 };

// The bytes of a scheme, and how they are written where nothing else is asked for.
struct Made {
    std::string bytes;
    Form form = Form::kText;
};

using Make = Result<Made> (*)(std::string_view password, const PasswordWish& wish);

struct Scheme {
    std::string_view name;
    Make make;
};

constexpr std::string_view kItoa64 =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

std::string letters(std::size_t count) {
    std::string text = random_secret(count);
    for (char& c : text) {
        c = kItoa64[static_cast<unsigned char>(c) % kItoa64.size()];
    }
    return text;
}

std::string digest(const EVP_MD* kind, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out.data(), &size, kind, nullptr);
    return std::string(reinterpret_cast<const char*>(out.data()), size);
}

Result<Made> plain(std::string_view password, const PasswordWish& /*wish*/) {
    return Made{std::string(password), Form::kText};
}

template <const EVP_MD* (*Kind)(), Form Written>
Result<Made> unsalted(std::string_view password, const PasswordWish& /*wish*/) {
    return Made{digest(Kind(), password), Written};
}

template <const EVP_MD* (*Kind)()>
Result<Made> salted(std::string_view password, const PasswordWish& /*wish*/) {
    constexpr std::size_t kSalt = 4;
    std::string salt = random_secret(kSalt);
    return Made{digest(Kind(), std::string(password) + salt) + salt, Form::kBase64};
}

Result<Made> crypted(std::string_view password, const std::string& setting) {
    if (password.find('\0') != std::string_view::npos) {
        return fail(Errc::kSyntax, "the password has a NUL");
    }
    auto data = std::make_unique<crypt_data>();
    std::string text(password);
    const char* made = ::crypt_r(text.c_str(), setting.c_str(), data.get());
    if (made == nullptr || made[0] == '*') {
        return fail(Errc::kSystem, "crypt() failed: the system does not know the scheme");
    }
    return Made{made, Form::kText};
}

Result<Made> des_crypt(std::string_view password, const PasswordWish& /*wish*/) {
    return crypted(password, letters(2));
}

Result<Made> md5_crypt(std::string_view password, const PasswordWish& /*wish*/) {
    return crypted(password, "$1$" + letters(8) + "$");
}

// The number of rounds is a logarithm.
Result<Made> blowfish_crypt(std::string_view password, const PasswordWish& wish) {
    constexpr unsigned kUsual = 5;
    constexpr unsigned kLeast = 4;
    constexpr unsigned kMost = 31;
    unsigned rounds = wish.rounds == 0 ? kUsual : std::clamp(wish.rounds, kLeast, kMost);
    return crypted(password, format("$2y${:02}${}", rounds, letters(22)));
}

template <char Digit>
Result<Made> sha_crypt(std::string_view password, const PasswordWish& wish) {
    constexpr unsigned kUsual = 5000;
    constexpr unsigned kLeast = 1000;
    constexpr unsigned kMost = 999999999;
    unsigned rounds = wish.rounds == 0 ? kUsual : std::clamp(wish.rounds, kLeast, kMost);
    std::string said = rounds == kUsual ? "" : format("rounds={}$", rounds);
    return crypted(password, format("${}${}{}$", Digit, said, letters(16)));
}

Result<Made> pbkdf2(std::string_view password, const PasswordWish& wish) {
    constexpr unsigned kUsual = 5000;
    constexpr int kSize = 20;
    unsigned rounds = wish.rounds == 0 ? kUsual : wish.rounds;
    std::string salt = letters(16);
    std::string key(kSize, '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()),
                      static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha1(), kSize,
                      reinterpret_cast<unsigned char*>(key.data()));
    return Made{format("$1${}${}${}", salt, rounds, hex_encode(key)), Form::kText};
}

// As libsodium's interactive limits are, with which Dovecot makes them.
template <argon2_type Type>
Result<Made> argon2(std::string_view password, const PasswordWish& wish) {
    constexpr bool kId = Type == Argon2_id;
    constexpr unsigned kMemory = kId ? 65536 : 32768;  // in KiB
    constexpr std::size_t kSize = 32;
    unsigned passes = wish.rounds >= 3 ? wish.rounds : kId ? 3 : 4;
    std::string salt = random_secret(16);
    std::string encoded(argon2_encodedlen(passes, kMemory, 1, 16, kSize, Type), '\0');
    int status =
        argon2_hash(passes, kMemory, 1, password.data(), password.size(), salt.data(), salt.size(),
                    nullptr, kSize, encoded.data(), encoded.size(), Type, ARGON2_VERSION_NUMBER);
    if (status != ARGON2_OK) {
        return fail(Errc::kSystem, argon2_error_message(status));
    }
    encoded.resize(encoded.find('\0'));
    return Made{std::move(encoded), Form::kText};
}

// Always as many as Dovecot makes, which clients have to make as well.
template <ScramHash Hash>
Result<Made> scram(std::string_view password, const PasswordWish& /*wish*/) {
    constexpr unsigned kIterations = 4096;
    ScramKeys keys = make_scram_keys(Hash, password, random_secret(16), kIterations);
    return Made{format("{},{},{},{}", keys.iterations, base64_encode(keys.salt),
                       base64_encode(keys.stored_key), base64_encode(keys.server_key)),
                Form::kText};
}

Result<Made> cram_md5(std::string_view password, const PasswordWish& /*wish*/) {
    return Made{cram_md5_state(password), Form::kHex};
}

Result<Made> digest_md5(std::string_view password, const PasswordWish& wish) {
    if (wish.user.empty()) {
        return fail(Errc::kSyntax, "digest_md5_generate(): username not given");
    }
    auto at = wish.user.rfind('@');
    std::string realm = at == std::string::npos ? "" : wish.user.substr(at + 1);
    return Made{digest(EVP_md5(), format("{}:{}:{}", wish.user.substr(0, at), realm, password)),
                Form::kHex};
}

Result<Made> plain_md4(std::string_view password, const PasswordWish& /*wish*/) {
    return Made{md4(password), Form::kHex};
}

Result<Made> one_time(std::string_view password, const PasswordWish& /*wish*/) {
    return Made{make_otp(password), Form::kText};
}

constexpr Scheme kSchemes[] = {
    {"PLAIN", plain},
    {"CLEAR", plain},
    {"CLEARTEXT", plain},
    {"CRYPT", blowfish_crypt},
    {"BLF-CRYPT", blowfish_crypt},
    {"DES-CRYPT", des_crypt},
    {"MD5-CRYPT", md5_crypt},
    {"MD5", md5_crypt},
    {"SHA256-CRYPT", sha_crypt<'5'>},
    {"SHA512-CRYPT", sha_crypt<'6'>},
    {"SHA", unsalted<EVP_sha1, Form::kBase64>},
    {"SHA1", unsalted<EVP_sha1, Form::kBase64>},
    {"SHA256", unsalted<EVP_sha256, Form::kBase64>},
    {"SHA512", unsalted<EVP_sha512, Form::kBase64>},
    {"PLAIN-MD5", unsalted<EVP_md5, Form::kHex>},
    {"LDAP-MD5", unsalted<EVP_md5, Form::kBase64>},
    {"SMD5", salted<EVP_md5>},
    {"SSHA", salted<EVP_sha1>},
    {"SSHA256", salted<EVP_sha256>},
    {"SSHA512", salted<EVP_sha512>},
    {"PBKDF2", pbkdf2},
    {"ARGON2I", argon2<Argon2_i>},
    {"ARGON2ID", argon2<Argon2_id>},
    {"SCRAM-SHA-1", scram<ScramHash::kSha1>},
    {"SCRAM-SHA-256", scram<ScramHash::kSha256>},
    {"CRAM-MD5", cram_md5},
    {"HMAC-MD5", cram_md5},
    {"DIGEST-MD5", digest_md5},
    {"PLAIN-MD4", plain_md4},
    {"PLAIN-TRUNC", plain},
    {"OTP", one_time},
};

constexpr auto kNames = [] {
    std::array<std::string_view, std::size(kSchemes)> names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        names[i] = kSchemes[i].name;
    }
    return names;
}();

std::optional<Form> form_named(std::string_view name) {
    if (name == "HEX") {
        return Form::kHex;
    }
    return name == "B64" || name == "BASE64" ? std::optional(Form::kBase64) : std::nullopt;
}

std::string write_as(Form form, const std::string& bytes) {
    switch (form) {
        case Form::kHex:
            return hex_encode(bytes);
        case Form::kBase64:
            return base64_encode(bytes);
        case Form::kText:
            break;
    }
    return bytes;
}

}  // namespace

Result<std::string> make_password(std::string_view password, const PasswordWish& wish) {
    std::string whole = uppercase(wish.scheme);
    auto dot = split_last(whole, '.');
    std::string_view name = dot ? dot->first : std::string_view(whole);
    std::optional<Form> form = dot ? form_named(dot->second) : std::nullopt;
    const auto* found = std::ranges::find(kSchemes, name, &Scheme::name);
    if (found == std::end(kSchemes) || (dot && !form)) {
        return fail(Errc::kNotFound, "Unknown scheme: " + printable(whole));
    }
    auto made = found->make(password, wish);
    if (!made) {
        return fail_with(made);
    }
    return "{" + whole + "}" + write_as(form.value_or(made->form), made->bytes);
}

std::span<const std::string_view> password_schemes() {
    return kNames;
}

}  // namespace relais
