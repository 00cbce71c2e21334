// Decides whether a password is right, and who the user is on this machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/event/loop.h"
#include "lib/sasl/auth_server.h"
#include "lib/sasl/users_file.h"

#include "imapd/auth/opener.h"

namespace relais {

struct Verdict {
    enum class Kind { kRight, kWrong, kTemporary };
    Kind kind = Kind::kTemporary;
    std::string user;       // as it is looked up
    std::string reason;     // for the log
    AuthParameters fields;  // kRight: uid, gid, home, mail, version, files
};

class Verifier {
  public:
    // Reads the users' files of the configuration.  While the process still has all rights.
    Verifier();

    [[nodiscard]] Task<Verdict> verify(AuthCheck check);

    // The same for a user who gives no password, because nobody logs in.
    [[nodiscard]] Verdict look_up(const std::string& user);

    // Ends the process when the helper that opens the files has ended.
    [[nodiscard]] Task<void> watch_helper() const { return opener_.watch(); }

  private:
    struct Remembered {
        std::string digest;
        std::string stored;  // the entry's password then: a changed one makes this worthless
        std::int64_t until = 0;
    };

    const UserEntry* find(const std::string& user);
    void refresh_files();
    bool is_remembered(const std::string& user, const std::string& digest,
                       const std::string& stored) const;
    [[nodiscard]] Verdict admit(std::string user, const UserEntry& entry) const;
    Verdict missing(std::string user) const;
    [[nodiscard]] Task<Result<bool>> check_password(std::string user, std::string password,
                                                    std::string stored);

    Opener opener_;
    std::vector<UsersFile> files_;
    std::string key_;
    std::string process_;  // tells the versions that this process gives from others'
    std::unordered_map<std::string, Remembered> remembered_;
    std::int64_t refreshed_ = 0;
    bool broken_ = false;  // a file could not be read
};

}  // namespace relais
