// Makes the stored form of a password (password.h reads it), as `doveadm pw` prints it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

struct PasswordWish {
    std::string scheme;   // "SSHA", "PLAIN.B64", in any case
    std::string user;     // DIGEST-MD5 needs it
    unsigned rounds = 0;  // 0: as many as the scheme usually has
};

// "{SSHA}data".  kNotFound: there is no such scheme.  Slow by intent for most of them.
[[nodiscard]] Result<std::string> make_password(std::string_view password,
                                                const PasswordWish& wish);

// All schemes, in no special order.
[[nodiscard]] std::span<const std::string_view> password_schemes();

}  // namespace relais
