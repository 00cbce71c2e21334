// Stored passwords of schemes that nobody should choose any more, but that databases still hold:
// PLAIN-MD4, OTP (RFC 2289) and PLAIN-TRUNC.  The forms are Dovecot's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// RFC 1320; 16 bytes.  The system's library may have put it away.
[[nodiscard]] std::string md4(std::string_view text);

// The one-time password with that number: 8 bytes.  `algorithm` is "sha1", "md5" or "md4".
[[nodiscard]] Result<std::string> otp_key(std::string_view algorithm, std::string_view seed,
                                          std::string_view passphrase, std::uint32_t number);

// "sha1 1024 seed 0123456789abcdef", with a seed of its own.
[[nodiscard]] std::string make_otp(std::string_view passphrase);

// In the forms of DerivedScheme::Verify.
[[nodiscard]] Result<bool> verify_md4(std::string_view password, std::string_view stored,
                                      bool bytes, std::string_view user);
[[nodiscard]] Result<bool> verify_otp(std::string_view password, std::string_view stored,
                                      bool bytes, std::string_view user);
// "4-pass": of passwords that another program has cut to their first characters.
[[nodiscard]] Result<bool> verify_truncated(std::string_view password, std::string_view stored,
                                            bool bytes, std::string_view user);

}  // namespace relais
