// Users in the form of Dovecot's passwd-file:
//     user:password:uid:gid:(gecos):home:(shell):extra fields
// Extra fields are separated by blanks: userdb_mail=..., userdb_uid=..., allow_nets=NET[,NET],
// nologin, ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"

namespace relais {

class UsersFile {
  public:
    UsersFile() = default;

    // Reads the file, opened as `fd`, when it is another one or has changed since the last time.
    // An error leaves what was read before.
    [[nodiscard]] Result<void> refresh(int fd);

    // What the file says of a user, or null: "password" as stored, with its scheme (empty: cannot
    // log in), and under the names of extra fields all else: userdb_uid, userdb_gid, userdb_home.
    const AuthParameters* find(std::string_view user) const;

    std::vector<std::string> users() const;

    // Counts the times that the file was read.
    std::uint64_t version() const { return version_; }

    // For tests.
    void parse(std::string_view text);

  private:
    struct Stamp {
        std::int64_t mtime_ns = 0;
        std::int64_t size = -1;
        std::uint64_t inode = 0;

        friend bool operator==(const Stamp&, const Stamp&) = default;
    };

    Stamp stamp_;
    std::uint64_t version_ = 0;
    std::unordered_map<std::string, AuthParameters, StringHash, std::equal_to<>> users_;
};

// True when the numeric address lies in one of the networks ("192.0.2.0/24,::1,local"); "local" is
// who has none.  An empty list allows all, a malformed one nobody.
[[nodiscard]] bool address_allowed(std::string_view networks, std::string_view address);

}  // namespace relais
