// One item of auth_passdb or auth_userdb: a database, when it is asked, and what follows from its
// answer.  The settings and their words are those of Dovecot's passdb and userdb sections:
//
//     [NAME=VALUE ...] TYPE[:ARGUMENT]
//
//     master=yes              its users are masters, who log in as others
//     deny=yes                who is in it cannot log in
//     pass=yes                result_success=continue; a master's user must be in another database
//     result_success=, result_failure=, result_internalfail=
//                             return-ok, return-fail, return, continue-ok, continue-fail, continue
//     skip=                   never, authenticated, unauthenticated (found, notfound)
//     mechanisms={NAME ...}   only for logins by these
//     username_filter={PATTERN ...}   only for names that match one, and none behind a "!"
//     default_fields={NAME=VALUE ...}, override_fields={NAME=VALUE ...}
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/auth/database.h"

namespace relais {

struct ListedDatabase {
    // What happens behind an answer.
    struct Rule {
        enum class Then { kReturn, kContinue };
        enum class Verdict { kAsBefore, kOk, kFail };
        Then then = Then::kContinue;
        Verdict verdict = Verdict::kAsBefore;
    };

    enum class Skip { kNever, kAuthenticated, kUnauthenticated };

    std::string text;  // of the configuration
    std::unique_ptr<AuthDatabase> database;
    bool master = false;
    bool deny = false;
    bool prefetch = false;  // no database: what the passdb has said of the user
    Rule success{Rule::Then::kReturn, Rule::Verdict::kOk};
    Rule failure;
    Rule internal_failure;
    Skip skip = Skip::kNever;
    std::vector<std::string> mechanisms;  // empty: all
    std::vector<std::string> username_filter;
    AuthParameters default_fields;
    AuthParameters override_fields;

    // Opens the database.  kSyntax: what cannot be used, and why.
    [[nodiscard]] static Result<ListedDatabase> open(std::string_view text);

    // `authenticated`: a database before has said yes.
    [[nodiscard]] bool is_asked(const AuthQuery& query, bool authenticated) const;

    // What the database has said, with the fields that this item adds.
    [[nodiscard]] AuthParameters completed(AuthParameters fields, const AuthQuery& query) const;
};

}  // namespace relais
