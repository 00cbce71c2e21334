// Passwords that PAM looks at.  It blocks, and runs modules of others, some with all rights: for a
// process of its own.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace relais {

struct PamLogin {
    std::string service;  // a file of /etc/pam.d
    std::string user;
    std::string password;
    std::string host;  // whence the user comes; may be empty
};

// The user's name, which a module may have changed, where the password is right and the account in
// order.  kDenied: it is not, with PAM's words; kTemporary: PAM could not say.
[[nodiscard]] Result<std::string> pam_check(const PamLogin& login);

}  // namespace relais
