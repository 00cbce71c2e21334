// Decides whether a password is right, and who the user is on this machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/event/loop.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_server.h"

#include "imapd/auth/listed_database.h"
#include "imapd/auth/shared_passwords.h"

namespace relais {

// What is said of a login by one whom no database knows.
inline constexpr std::string_view kUnknownUser = "unknown user";

struct Verdict {
    enum class Kind { kRight, kWrong, kTemporary };
    Kind kind = Kind::kTemporary;
    std::string user;    // as it is looked up
    std::string reason;  // for the log
    // kWrong: what else is said of it.
    enum class Why { kOther, kDisabled, kNotAuthorized };
    Why why = Why::kOther;
    std::string told;       // kDisabled: for the client
    AuthParameters fields;  // kRight: uid, gid, home, mail, version, files, and what else is told
    bool proxied = false;   // kRight: his mail is elsewhere; `fields` say where
    bool delayed = true;    // kWrong: whether the answer waits

    static Verdict wrong(std::string user, std::string reason);
    static Verdict temporary(std::string user, std::string reason);
};

class Verifier {
  public:
    // Opens the databases of the configuration.  While the process still has all rights.
    Verifier();

    [[nodiscard]] Task<Verdict> verify(AuthCheck check);

    // A user's password as it is stored, with its scheme, for mechanisms that reckon with it.
    // Nothing where no database knows him; verify() says what is then to be said.
    [[nodiscard]] Task<std::optional<std::string>> secret(AuthCheck wanted);

    // verify() for a user who gives no password, because nobody logs in: a session goes on, or a
    // service asks: doveadm, or lmtp, whose mail users get as well who may not log in.  With lip,
    // it is mail that may have to go on to another machine.
    [[nodiscard]] Task<Verdict> look_up(std::string user, AuthParameters parameters);

    // Of the first database that looks at tokens.
    [[nodiscard]] std::optional<TokenAdvice> takes_tokens() const;

    // What the first database that knows the user says with his password, but not that.
    [[nodiscard]] Task<Verdict> look_up_password(std::string user);

    // All users' names, each once; what a database cannot tell is left out, with a warning.
    [[nodiscard]] Task<Result<std::vector<std::string>>> list_users();

    // What is remembered of these users, of all where none is named; the number of entries.  What
    // other machines may ask for (login_shared_server) goes too.
    [[nodiscard]] Task<std::size_t> forget(std::vector<std::string> users);

    // Ends the process when a helper has ended.
    [[nodiscard]] Task<void> watch_helpers();

  private:
    using Databases = std::vector<ListedDatabase>;

    // Who proves who he is, and whose mail he wants.
    struct Names {
        std::string user;
        std::string owner;  // the same, but for masters
    };

    // A login on its way through the databases.
    struct Login {
        AuthQuery query;
        bool proven = false;    // no password is looked at
        bool accepted = false;  // as things stand
        bool passed_on =
            false;            // accepted by one that has the next ones looked at as well (pass=yes)
        bool denied = false;  // by one with deny=yes
        bool delayed = true;
        std::string trouble;    // of a database that could not say
        std::string reason;     // why not
        AuthParameters fields;  // of the databases that said yes
    };

    // What one database makes of a login.
    struct Outcome {
        enum class Kind { kRight, kWrong, kTrouble };
        Kind kind = Kind::kTrouble;
        std::string reason = {};
        AuthParameters fields = {};
    };

    // All fields that are known of a user's mail.
    struct Found {
        bool known = false;
        bool prefetched = false;
        std::string trouble;
        AuthParameters fields;
        bool everybody = false;  // by a database that would say so of anybody
    };

    [[nodiscard]] Names names_of(const AuthCheck& check) const;
    [[nodiscard]] Task<Verdict> verify_master(Login login, std::string owner);
    [[nodiscard]] Task<void> go_through(const Databases* databases, Login* login);
    [[nodiscard]] Task<Outcome> try_database(const ListedDatabase* item, Login* login);
    [[nodiscard]] Task<Outcome> look_only(const ListedDatabase* item, AuthQuery query);
    static void conclude(const ListedDatabase& item, Outcome outcome, Login* login);
    [[nodiscard]] static Verdict refused(const Login& login);
    [[nodiscard]] Task<AuthAnswer> ask(const ListedDatabase* item, const AuthQuery* query,
                                       bool* same_password);
    [[nodiscard]] Task<Result<bool>> check_password(AuthQuery query, AuthParameters fields);
    [[nodiscard]] Task<Verdict> find_identity(Login login);
    [[nodiscard]] Task<Found> look_for_password(AuthQuery query);
    [[nodiscard]] Task<std::optional<Verdict>> send_elsewhere(Login* login);
    [[nodiscard]] Task<std::optional<Verdict>> mail_elsewhere(AuthQuery query);
    [[nodiscard]] Task<Found> find_user(AuthQuery query, AuthParameters passdb_fields);
    [[nodiscard]] Verdict admit(std::string user, const Found& found);

    // What a database said of a user, as long as it is believed.
    const RightPassword* recall(const ListedDatabase* item, const AuthQuery& query) const;
    [[nodiscard]] Task<void> recall_from_others(const ListedDatabase* item, const AuthQuery* query);
    [[nodiscard]] Task<void> remember(const ListedDatabase* item, const AuthQuery* query,
                                      const AuthAnswer* answer);
    void keep(const ListedDatabase* item, const std::string& user, RightPassword right);
    std::string state_of_databases();

    Databases passdbs_;
    Databases masters_;
    Databases userdbs_;
    SharedPasswords shared_;
    std::string key_;
    std::string process_;  // tells the versions that this process gives from others'
    std::map<std::pair<const ListedDatabase*, std::string>, RightPassword> remembered_;
    TaskGroup watches_;
};

}  // namespace relais
