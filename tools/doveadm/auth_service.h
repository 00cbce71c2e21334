// The auth service of this mail system, for commands that end soon: they wait for each answer.
#pragma once

#include <string>
#include <vector>

#include "lib/access/login_inquiry.h"
#include "lib/base/result.h"
#include "lib/sasl/auth_client.h"

namespace relais::doveadm {

class AuthService {
  public:
    // `socket`: another one than our own (-a).
    explicit AuthService(const std::string& socket = "");
    AuthService(const AuthService&) = delete;
    AuthService& operator=(const AuthService&) = delete;
    ~AuthService();

    // Where his mail is; kFailure: no such user.
    [[nodiscard]] AuthReply user(const std::string& name);
    // What is said with his password.
    [[nodiscard]] AuthReply password_entry(const std::string& name);
    [[nodiscard]] AuthReply flush_cache(const std::vector<std::string>& names);
    // All names, those that fit one of the patterns ("*", "?"); none: every one.
    [[nodiscard]] Result<std::vector<std::string>> users(const std::vector<std::string>& patterns);
    // A login with PLAIN.
    [[nodiscard]] AuthReply log_in(const std::string& name, const std::string& master,
                                   const std::string& password, const AuthPeer& peer);
    // Who has logged in with the last log_in().
    [[nodiscard]] AuthReply last_login();

  private:
    AuthClient client_;
    std::string cookie_;
    std::uint32_t login_ = 0;
};

// Whether it is a pattern, and whether a name fits one.
[[nodiscard]] bool is_pattern(std::string_view text);
[[nodiscard]] bool fits_pattern(std::string_view name, std::string_view pattern);

// "service=imap", "rip=192.0.2.1" ... of -x.
[[nodiscard]] AuthPeer peer_of(const std::vector<std::string>& facts);

}  // namespace relais::doveadm
