// Stored passwords in Dovecot's notation: "{SCHEME}data", where SCHEME may end in ".HEX" or ".B64".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/sasl/derived_password.h"

namespace relais {

// True when `password` fits `stored`.  `default_scheme` is that of a stored text without a prefix.
// kSyntax: a scheme that is not known, or data that is none of it (the message has no secrets).
// Slow by intent for the crypt(3) schemes: off the loop with it.
[[nodiscard]] Result<bool> verify_password(std::string_view password, std::string_view stored,
                                           std::string_view default_scheme = "CRYPT",
                                           std::string_view user = {});

// The answer of APOP (MD5 of challenge and password) or CRAM-MD5 (RFC 2195), as bytes.  kSyntax:
// the stored form does not serve the mechanism.
[[nodiscard]] Result<bool> verify_response(std::string_view mechanism, std::string_view challenge,
                                           std::string_view digest, std::string_view stored,
                                           std::string_view default_scheme = "CRYPT");

// What a SCRAM server needs, of {PLAIN} or of {SCRAM-SHA-1}, {SCRAM-SHA-256}.
[[nodiscard]] std::optional<ScramKeys> scram_keys(ScramHash hash, std::string_view stored,
                                                  std::string_view default_scheme);

// What a DIGEST-MD5 server needs: the MD5 of name, realm and password, 16 bytes, of {PLAIN} or of
// {DIGEST-MD5}.
[[nodiscard]] std::optional<std::string> digest_md5_key(std::string_view stored,
                                                        std::string_view default_scheme,
                                                        std::string_view user,
                                                        std::string_view realm);

// True where verifying may take long (crypt(3) with many rounds).
[[nodiscard]] bool is_slow_scheme(std::string_view stored,
                                  std::string_view default_scheme = "CRYPT");

// A keyed digest, to remember that a password was right without keeping it.
[[nodiscard]] std::string password_digest(std::string_view key, std::string_view user,
                                          std::string_view password);

// SHA-1 of it, in base64: how Postfix's table of refused logins tells passwords apart.
[[nodiscard]] std::string sha1_of_password(std::string_view password);

// `count` bytes from the system's generator for secrets.
[[nodiscard]] std::string random_secret(std::size_t count);

// Compares in a time that does not depend on where they differ.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace relais
