// Stored passwords that are made by a derivation of keys, or are what a mechanism of SASL needs
// instead of the password: ARGON2I, ARGON2ID, PBKDF2, SCRAM-SHA-1, SCRAM-SHA-256, CRAM-MD5,
// DIGEST-MD5.  The forms are Dovecot's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// What a SCRAM server knows of a user (RFC 5802 3).
struct ScramKeys {
    unsigned iterations = 0;
    std::string salt;
    std::string stored_key;
    std::string server_key;
};

enum class ScramHash { kSha1, kSha256 };

// The keys of a password; `salt` as bytes.
[[nodiscard]] ScramKeys make_scram_keys(ScramHash hash, std::string_view password, std::string salt,
                                        unsigned iterations);

// "iterations,salt,StoredKey,ServerKey", the last three in base64.
[[nodiscard]] std::optional<ScramKeys> parse_scram_keys(ScramHash hash, std::string_view text);

// HMAC(key, text) and H(text) of a SCRAM mechanism.
[[nodiscard]] std::string scram_hmac(ScramHash hash, std::string_view key, std::string_view text);
[[nodiscard]] std::string scram_digest(ScramHash hash, std::string_view text);

// The states of MD5 behind the first block, of HMAC's outer and inner digest: what {CRAM-MD5}
// holds, 32 bytes.
[[nodiscard]] std::string cram_md5_state(std::string_view password);
// HMAC-MD5 of `text` (RFC 2195) for such a state.
[[nodiscard]] std::string cram_md5_response(std::string_view state, std::string_view text);

// One of these schemes, by its name in upper case.
class DerivedScheme {
  public:
    static const DerivedScheme* find(std::string_view name);

    // `stored` is without its prefix, `bytes` true where it was decoded from .B64 or .HEX.  `user`
    // matters to DIGEST-MD5.  kSyntax: data that is none of the scheme.
    [[nodiscard]] Result<bool> verify(std::string_view password, std::string_view stored,
                                      bool bytes, std::string_view user) const;

    bool is_slow() const { return slow_; }

    using Verify = Result<bool> (*)(std::string_view password, std::string_view stored, bool bytes,
                                    std::string_view user);

    constexpr DerivedScheme(std::string_view name, Verify verify, bool slow)
        : name_(name), verify_(verify), slow_(slow) {}

  private:
    std::string_view name_;
    Verify verify_;
    bool slow_;
};

}  // namespace relais
