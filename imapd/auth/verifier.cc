#include "imapd/auth/verifier.h"

#include <ctime>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/event/blocking.h"
#include "lib/sasl/password.h"
#include "lib/sasl/user_variables.h"
#include "lib/sasl/users_file.h"

#include "imapd/auth/identity.h"

namespace relais {

namespace {

constexpr std::size_t kMaxRemembered = 50000;
constexpr std::string_view kUserdb = "userdb_";

Verdict wrong(std::string user, std::string reason) {
    Verdict verdict;
    verdict.kind = Verdict::Kind::kWrong;
    verdict.user = std::move(user);
    verdict.reason = std::move(reason);
    return verdict;
}

Verdict temporary(std::string user, std::string reason) {
    Verdict verdict = wrong(std::move(user), std::move(reason));
    verdict.kind = Verdict::Kind::kTemporary;
    return verdict;
}

// All of it, so that whatever changes is seen.
std::string text_of(const AuthParameters& fields) {
    return AuthAnswer::found(fields).serialize();
}

std::vector<std::unique_ptr<AuthDatabase>> open_databases(std::string_view parameter,
                                                          std::string_view value) {
    std::vector<std::unique_ptr<AuthDatabase>> databases;
    for (std::string_view item : split_list(value)) {
        auto bare = item.starts_with('{') ? strip_braces(item) : Result<std::string_view>(item);
        auto opened = bare ? open_auth_database(trim(*bare)) : fail_with(bare);
        if (!opened) {
            log_fatal("{}: {}: {}", parameter, item, opened.error().message);
        }
        databases.push_back(std::move(*opened));
    }
    return databases;
}

// What a password database says of where the mail is (Dovecot's "prefetch"), and the password, so
// that the version changes with it.
AuthParameters prefetched(const AuthParameters& fields) {
    AuthParameters found;
    for (const auto& [name, value] : fields.all()) {
        if (name.starts_with(kUserdb)) {
            found.set(std::string_view(name).substr(kUserdb.size()), value);
        }
    }
    found.set("password", fields.get("password"));
    return found;
}

// Empty: nothing speaks against it.
std::string refusal(const AuthQuery& query, const AuthParameters& fields) {
    if (fields.has("nologin") && !query.parameters.has("nologin")) {
        return "login is disabled for this user";
    }
    return address_allowed(fields.get("allow_nets"), query.parameters.get("rip"))
               ? ""
               : "not allowed from this address";
}

}  // namespace

Verifier::Verifier() : key_(random_secret(32)), process_(hex_encode(random_secret(8))) {
    std::string passdb = conf().auth_passdb();
    if (passdb.empty() && conf().auth_users_file().empty()) {
        log_warning("auth_passdb and auth_users_file are empty: nobody can log in");
    }
    if (passdb.empty() && !conf().auth_users_file().empty()) {
        passdb = format("{{ passwd-file:{} }}", conf().auth_users_file());
    }
    passdbs_ = open_databases("auth_passdb", passdb);
    userdbs_ = open_databases("auth_userdb", conf().auth_userdb());
}

Task<void> Verifier::watch_helpers() {
    for (const Databases* databases : {&passdbs_, &userdbs_}) {
        for (const auto& database : *databases) {
            watches_.spawn(database->watch());
        }
    }
    co_await watches_.join();
}

const Verifier::Remembered* Verifier::recall(std::size_t database, const AuthQuery& query) const {
    auto found = remembered_.find(format("{}:{}", database, query.user));
    bool fresh = found != remembered_.end() && found->second.until >= ::time(nullptr);
    return fresh ? &found->second : nullptr;
}

void Verifier::remember(std::size_t database, const AuthQuery& query, const AuthAnswer& answer) {
    auto keep = conf().auth_cache_time().count();
    if (keep == 0 || !query.gave_password()) {
        return;
    }
    if (remembered_.size() >= kMaxRemembered) {
        remembered_.clear();
    }
    remembered_[format("{}:{}", database, query.user)] = {
        answer, password_digest(key_, query.user, query.password), ::time(nullptr) + keep};
}

Task<Result<bool>> Verifier::check_password(AuthQuery query, AuthAnswer answer) {
    if (answer.fields.has("nopassword")) {
        co_return true;
    }
    std::string stored(answer.fields.get("password"));
    std::string scheme = conf().auth_default_scheme();
    if (stored.empty() || (query.gave_password() && query.password.empty())) {
        co_return false;
    }
    if (query.response.proof != Proof::kNone) {
        co_return query.response.proof == Proof::kRight;
    }
    if (!query.response.challenge.empty()) {
        co_return verify_response(query.response.mechanism, query.response.challenge,
                                  query.response.digest, stored, scheme);
    }
    if (!is_slow_scheme(stored, scheme)) {
        co_return verify_password(query.password, stored, scheme, query.user);
    }
    auto work = [password = query.password, stored, scheme, user = query.user] {
        return verify_password(password, stored, scheme, user);
    };
    co_return co_await run_blocking(std::move(work));
}

// A password that was right with what the database says is right again, without the work of a slow
// scheme.  A database that looks at passwords by itself is not asked twice in auth_cache_time, and
// one that cannot answer is believed what it said before.
Task<AuthAnswer> Verifier::ask(std::size_t database, const AuthQuery* query, bool* same_password) {
    const Remembered* known = recall(database, *query);
    *same_password =
        known != nullptr && query->gave_password() &&
        equal_secrets(known->digest, password_digest(key_, query->user, query->password));
    if (*same_password && known->answer.kind == AuthAnswer::Kind::kRight) {
        co_return known->answer;
    }
    AuthAnswer answer = co_await passdbs_[database]->find_password(*query);
    known = recall(database, *query);
    *same_password = *same_password && known != nullptr;
    if (*same_password && answer.kind == AuthAnswer::Kind::kTemporary) {
        log_warning("user {}: {}: what was right before is believed", printable(query->user),
                    answer.reason);
        co_return known->answer;
    }
    *same_password = *same_password && text_of(known->answer.fields) == text_of(answer.fields);
    co_return answer;
}

Task<Verdict> Verifier::verify_by(std::size_t database, AuthQuery query) {
    if (!query.gave_password() && !passdbs_[database]->tells_passwords()) {
        co_return wrong(query.user, "unknown user");
    }
    bool same_password = false;
    AuthAnswer answer = co_await ask(database, &query, &same_password);
    switch (answer.kind) {
        case AuthAnswer::Kind::kUnknown:
            co_return wrong(query.user, "unknown user");
        case AuthAnswer::Kind::kWrong:
            co_return wrong(query.user, answer.reason);
        case AuthAnswer::Kind::kTemporary:
            co_return temporary(query.user, answer.reason);
        case AuthAnswer::Kind::kFound:
        case AuthAnswer::Kind::kRight:
            break;
    }
    if (answer.kind == AuthAnswer::Kind::kFound && !same_password) {
        auto right = co_await check_password(query, answer);
        if (!right) {
            // Whoever tries, and however often: it will not get right by itself.
            log_warning("user {}: {}", printable(query.user), right.error().message);
            co_return wrong(query.user, right.error().message);
        }
        if (!*right) {
            co_return wrong(query.user, "password mismatch");
        }
    }
    if (!same_password) {
        remember(database, query, answer);
    }
    co_return co_await find_identity(std::move(query), std::move(answer));
}

Task<Verdict> Verifier::verify(AuthCheck check) {
    AuthQuery query{expand_user_variables(conf().auth_username_format(), check.credentials.user),
                    std::move(check.credentials.password), std::move(check.parameters)};
    query.response = {check.mechanism, std::move(check.credentials.challenge),
                      std::move(check.credentials.digest), check.credentials.proof};
    if (!check.credentials.authorization.empty() &&
        check.credentials.authorization != check.credentials.user) {
        co_return wrong(query.user, "may not act as another user");
    }
    Verdict verdict = passdbs_.empty() ? temporary(query.user, "there is no database of users")
                                       : wrong(query.user, "unknown user");
    // A later database may know what one that cannot answer does not say.
    for (std::size_t i = 0; i < passdbs_.size(); ++i) {
        Verdict next = co_await verify_by(i, query);
        if (next.kind == Verdict::Kind::kRight) {
            co_return next;
        }
        bool tells_more = next.kind == Verdict::Kind::kTemporary || next.reason != "unknown user";
        if (verdict.kind != Verdict::Kind::kTemporary && tells_more) {
            verdict = std::move(next);
        }
    }
    co_return verdict;
}

Task<std::optional<std::string>> Verifier::secret(AuthQuery query) {
    query.user = expand_user_variables(conf().auth_username_format(), query.user);
    for (const auto& passdb : passdbs_) {
        if (!passdb->tells_passwords()) {
            continue;
        }
        AuthAnswer answer = co_await passdb->find_password(query);
        if (answer.kind == AuthAnswer::Kind::kFound) {
            co_return std::string(answer.fields.get("password"));
        }
    }
    co_return std::nullopt;
}

// The password is right; whether he may come in, and where his mail is.
Task<Verdict> Verifier::find_identity(AuthQuery query, AuthAnswer answer) {
    if (std::string why = refusal(query, answer.fields); !why.empty()) {
        co_return wrong(query.user, why);
    }
    if (!answer.fields.get("user").empty()) {
        query.user = answer.fields.get("user");
    }
    query.password.clear();
    bool for_login = !query.parameters.has("nologin");
    if (userdbs_.empty() || !for_login) {
        co_return admit(query.user, prefetched(answer.fields));
    }
    for (const auto& userdb : userdbs_) {
        AuthAnswer found = co_await userdb->find_user(query);
        if (found.kind == AuthAnswer::Kind::kTemporary) {
            co_return temporary(query.user, found.reason);
        }
        if (found.kind == AuthAnswer::Kind::kFound) {
            co_return admit(query.user, found.fields);
        }
    }
    co_return temporary(query.user,
                        "the password is right, but auth_userdb does not know the user");
}

Task<Verdict> Verifier::look_up(std::string user) {
    const Databases& databases = userdbs_.empty() ? passdbs_ : userdbs_;
    AuthQuery query{user, "", {}};
    Verdict verdict = databases.empty() ? temporary(user, "there is no database of users")
                                        : wrong(user, "unknown user");
    for (const auto& database : databases) {
        AuthAnswer found = co_await database->find_user(query);
        if (found.kind == AuthAnswer::Kind::kFound) {
            if (found.fields.has("nologin")) {
                co_return wrong(user, "login is disabled for this user");
            }
            co_return admit(std::move(user),
                            userdbs_.empty() ? prefetched(found.fields) : found.fields);
        }
        if (found.kind == AuthAnswer::Kind::kTemporary) {
            verdict = temporary(user, found.reason);
        }
    }
    co_return verdict;
}

// Whether anything can have changed: by the databases that know it, and by the time for the others.
std::string Verifier::state_of_databases() {
    constexpr std::int64_t kLeast = 60;
    std::string state = process_;
    for (const Databases* databases : {&passdbs_, &userdbs_}) {
        for (const auto& database : *databases) {
            auto version = database->version();
            auto period = std::max<std::int64_t>(conf().auth_cache_time().count(), kLeast);
            state += version ? format(".{}", *version) : format(".t{}", ::time(nullptr) / period);
        }
    }
    return state;
}

Verdict Verifier::admit(std::string user, const AuthParameters& fields) {
    auto identity = identity_fields(user, fields);
    if (!identity) {
        log_warning("user {}: unknown account or group", printable(user));
        return temporary(std::move(user), "unknown account or group");
    }
    identity->set("version",
                  process_ + "." + hex_encode(password_digest(key_, user, text_of(fields))));
    identity->set("files", state_of_databases());
    Verdict verdict;
    verdict.kind = Verdict::Kind::kRight;
    verdict.user = std::move(user);
    verdict.fields = std::move(*identity);
    return verdict;
}

}  // namespace relais
