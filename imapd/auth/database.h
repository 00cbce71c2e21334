// What the auth service asks the databases of users (auth_passdb, auth_userdb), and what they
// answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/mechanism.h"
#include "lib/sasl/user_variables.h"

namespace relais {

struct AuthQuery {
    std::string user;           // as it is looked up
    std::string password;       // empty: nobody gave one
    AuthParameters parameters;  // of the request: service, rip, lip, lport, rport, secured, ...

    // Of mechanisms that send no password; databases that look at passwords by themselves do
    // without.
    struct Response {
        std::string mechanism;
        std::string challenge;
        std::string digest;
        Proof proof = Proof::kNone;
    };

    Response response = {};

    bool gave_token() const {
        return response.mechanism == "OAUTHBEARER" || response.mechanism == "XOAUTH2";
    }

    bool gave_password() const {
        return response.challenge.empty() && response.proof == Proof::kNone;
    }

    // With Dovecot's letters and long names for what is known.
    [[nodiscard]] UserVariables variables() const;

    // To a worker process, and there.
    [[nodiscard]] std::string serialize() const;
    [[nodiscard]] static AuthQuery parse(std::string_view line);
};

struct AuthAnswer {
    enum class Kind {
        kFound,      // the fields tell of the user; "password" as it is stored
        kUnknown,    // there is no such user
        kRight,      // the database has looked at the password by itself (PAM, LDAP's bind)
        kWrong,      // the same
        kTemporary,  // the database cannot say now
    };
    Kind kind = Kind::kTemporary;
    std::string reason;     // kTemporary and kWrong, for the log
    AuthParameters fields;  // kFound and kRight

    static AuthAnswer found(AuthParameters fields) { return {Kind::kFound, "", std::move(fields)}; }

    static AuthAnswer unknown() { return {Kind::kUnknown, "", {}}; }

    static AuthAnswer temporary(std::string reason) {
        return {Kind::kTemporary, std::move(reason), {}};
    }

    [[nodiscard]] std::string serialize() const;
    [[nodiscard]] static AuthAnswer parse(std::string_view line);
};

// All of the fields, so that whatever changes is seen.
[[nodiscard]] std::string whole_text(const AuthParameters& fields);

// What is there already under a name of `more` gives way.
void add_fields(AuthParameters& to, const AuthParameters& more);

// What a database of passwords says of where the mail is (userdb_...), and the password, so that
// whatever is made of the fields changes with it.
[[nodiscard]] AuthParameters fields_of_mail(const AuthParameters& password_fields);

// What a client whose token was refused is told.
struct TokenAdvice {
    std::string url;  // where to learn how to get one; may be empty
};

class AuthDatabase {
  public:
    AuthDatabase() = default;
    AuthDatabase(const AuthDatabase&) = delete;
    AuthDatabase& operator=(const AuthDatabase&) = delete;
    virtual ~AuthDatabase() = default;

    // Who wants to log in: with what password he may.
    [[nodiscard]] virtual Task<AuthAnswer> find_password(AuthQuery query) = 0;

    // False where the database looks at passwords by itself: it is asked for nobody who gave none.
    virtual bool tells_passwords() const { return true; }

    // Where tokens are looked at, in the place of passwords (OAUTHBEARER, XOAUTH2).
    virtual std::optional<TokenAdvice> takes_tokens() const { return std::nullopt; }

    // Where his mail is, and as whom it is read: uid, gid, home, mail, and more.
    [[nodiscard]] virtual Task<AuthAnswer> find_user(AuthQuery query) = 0;

    // find_user() knows everybody, whether he exists or not.
    virtual bool has_everybody() const { return false; }

    // All users' names, for doveadm.  kDenied: this database cannot tell.
    [[nodiscard]] virtual Task<Result<std::vector<std::string>>> list_users();

    // A number that changes with every entry that does; nothing where that can't be known.
    [[nodiscard]] virtual std::optional<std::uint64_t> version() { return std::nullopt; }

    // Ends the process when a helper of the database has ended.
    [[nodiscard]] virtual Task<void> watch() const { co_return; }
};

// "TYPE:ARGUMENT" as auth_passdb and auth_userdb have it.  Opens what needs the rights that the
// process starts with.  kSyntax: what cannot be used, and why.
[[nodiscard]] Result<std::unique_ptr<AuthDatabase>> open_auth_database(std::string_view text);

}  // namespace relais
