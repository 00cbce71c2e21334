// Decides whether a password is right, and who the user is on this machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/event/loop.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_server.h"

#include "imapd/auth/database.h"

namespace relais {

struct Verdict {
    enum class Kind { kRight, kWrong, kTemporary };
    Kind kind = Kind::kTemporary;
    std::string user;       // as it is looked up
    std::string reason;     // for the log
    AuthParameters fields;  // kRight: uid, gid, home, mail, version, files, and what else is told
};

class Verifier {
  public:
    // Opens the databases of the configuration.  While the process still has all rights.
    Verifier();

    [[nodiscard]] Task<Verdict> verify(AuthCheck check);

    // A user's password as it is stored, with its scheme, for mechanisms that reckon with it.
    // Nothing where no database knows him; verify() says what is then to be said.
    [[nodiscard]] Task<std::optional<std::string>> secret(AuthQuery query);

    // verify() for a user who gives no password, because nobody logs in.
    [[nodiscard]] Task<Verdict> look_up(std::string user);

    // Ends the process when a helper has ended.
    [[nodiscard]] Task<void> watch_helpers();

  private:
    using Databases = std::vector<std::unique_ptr<AuthDatabase>>;

    // What a database said of a user, as long as it is believed.
    struct Remembered {
        AuthAnswer answer;
        std::string digest;  // of the password that was right with it
        std::int64_t until = 0;
    };

    [[nodiscard]] Task<Verdict> verify_by(std::size_t database, AuthQuery query);
    [[nodiscard]] Task<AuthAnswer> ask(std::size_t database, const AuthQuery* query,
                                       bool* same_password);
    [[nodiscard]] Task<Result<bool>> check_password(AuthQuery query, AuthAnswer answer);
    [[nodiscard]] Task<Verdict> find_identity(AuthQuery query, AuthAnswer answer);
    [[nodiscard]] Verdict admit(std::string user, const AuthParameters& fields);

    const Remembered* recall(std::size_t database, const AuthQuery& query) const;
    void remember(std::size_t database, const AuthQuery& query, const AuthAnswer& answer);
    std::string state_of_databases();

    Databases passdbs_;
    Databases userdbs_;
    std::string key_;
    std::string process_;  // tells the versions that this process gives from others'
    std::unordered_map<std::string, Remembered> remembered_;
    TaskGroup watches_;
};

}  // namespace relais
