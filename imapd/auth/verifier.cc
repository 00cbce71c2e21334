#include "imapd/auth/verifier.h"

#include <algorithm>
#include <ctime>
#include <unordered_set>

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

namespace relais {

namespace {

constexpr std::size_t kMaxRemembered = 50000;

std::vector<ListedDatabase> open_databases(std::string_view parameter, std::string_view value) {
    std::vector<ListedDatabase> databases;
    for (std::string_view item : split_list(value)) {
        auto bare = item.starts_with('{') ? strip_braces(item) : Result<std::string_view>(item);
        auto opened = bare ? ListedDatabase::open(*bare) : fail_with(bare);
        if (!opened) {
            log_fatal("{}: {}: {}", parameter, item, opened.error().message);
        }
        databases.push_back(std::move(*opened));
    }
    return databases;
}

AuthQuery without_password(AuthQuery query) {
    query.password.clear();
    query.response = {};
    return query;
}

// How long a token is good, it says itself.
bool is_remembered(const AuthQuery& query) {
    return conf().auth_cache_time().count() > 0 && query.gave_password() && !query.gave_token();
}

// Who may come from nowhere has an empty list.
bool may_come_from(const AuthParameters& fields, std::string_view address) {
    std::string_view networks = fields.get("allow_nets");
    return !fields.has("allow_nets") || (!networks.empty() && address_allowed(networks, address));
}

// What speaks against a login with the right password.
std::optional<Verdict> refusal(const AuthQuery& query, const AuthParameters& fields) {
    if (!may_come_from(fields, query.parameters.get("rip"))) {
        return Verdict::wrong(query.user, "not allowed from this address");
    }
    if (!fields.has("nologin") || query.parameters.has("nologin")) {
        return std::nullopt;
    }
    Verdict verdict = Verdict::wrong(query.user, "login is disabled for this user");
    verdict.why = Verdict::Why::kDisabled;
    verdict.told =
        fields.get("reason").empty() ? "Login disabled for this user" : fields.get("reason");
    return verdict;
}

}  // namespace

Verdict Verdict::wrong(std::string user, std::string reason) {
    Verdict verdict;
    verdict.kind = Verdict::Kind::kWrong;
    verdict.user = std::move(user);
    verdict.reason = std::move(reason);
    return verdict;
}

Verdict Verdict::temporary(std::string user, std::string reason) {
    Verdict verdict = wrong(std::move(user), std::move(reason));
    verdict.kind = Verdict::Kind::kTemporary;
    return verdict;
}

Verifier::Verifier()
    : key_(shared_.is_on() ? shared_.key() : random_secret(32)),
      process_(hex_encode(random_secret(8))) {
    std::string passdb = conf().auth_passdb();
    if (passdb.empty() && conf().auth_users_file().empty()) {
        log_warning("auth_passdb and auth_users_file are empty: nobody can log in");
    }
    if (passdb.empty() && !conf().auth_users_file().empty()) {
        passdb = format("{{ passwd-file:{} }}", conf().auth_users_file());
    }
    for (ListedDatabase& item : open_databases("auth_passdb", passdb)) {
        if (item.prefetch) {
            log_fatal("auth_passdb: prefetch is for auth_userdb");
        }
        (item.master ? masters_ : passdbs_).push_back(std::move(item));
    }
    userdbs_ = open_databases("auth_userdb", conf().auth_userdb());
}

std::optional<TokenAdvice> Verifier::takes_tokens() const {
    for (const ListedDatabase& item : passdbs_) {
        if (auto advice = item.database->takes_tokens()) {
            return advice;
        }
    }
    return std::nullopt;
}

Task<void> Verifier::watch_helpers() {
    for (const Databases* databases : {&passdbs_, &masters_, &userdbs_}) {
        for (const ListedDatabase& item : *databases) {
            if (item.database) {
                watches_.spawn(item.database->watch());
            }
        }
    }
    co_await watches_.join();
}

const RightPassword* Verifier::recall(const ListedDatabase* item, const AuthQuery& query) const {
    auto found = remembered_.find({item, query.user});
    bool fresh = found != remembered_.end() && found->second.until >= ::time(nullptr);
    return fresh ? &found->second : nullptr;
}

void Verifier::keep(const ListedDatabase* item, const std::string& user, RightPassword right) {
    if (remembered_.size() >= kMaxRemembered) {
        remembered_.clear();
    }
    remembered_[{item, user}] = std::move(right);
}

Task<void> Verifier::remember(const ListedDatabase* item, const AuthQuery* query,
                              const AuthAnswer* answer) {
    if (!is_remembered(*query)) {
        co_return;
    }
    RightPassword right{*answer, password_digest(key_, query->user, query->password),
                        ::time(nullptr) + conf().auth_cache_time().count()};
    keep(item, query->user, right);
    if (shared_.is_on()) {
        co_await shared_.put(item->text, query->user, std::move(right));
    }
}

// Where nobody has logged in here yet, or not with this password.
Task<void> Verifier::recall_from_others(const ListedDatabase* item, const AuthQuery* query) {
    if (!shared_.is_on() || !is_remembered(*query)) {
        co_return;
    }
    std::string digest = password_digest(key_, query->user, query->password);
    const RightPassword* known = recall(item, *query);
    if (known != nullptr && equal_secrets(known->digest, digest)) {
        co_return;
    }
    auto right = co_await shared_.find(item->text, query->user);
    if (right && equal_secrets(right->digest, digest)) {
        keep(item, query->user, std::move(*right));
    }
}

Task<Result<bool>> Verifier::check_password(AuthQuery query, AuthParameters fields) {
    if (fields.has("nopassword")) {
        co_return true;
    }
    std::string stored(fields.get("password"));
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
Task<AuthAnswer> Verifier::ask(const ListedDatabase* item, const AuthQuery* query,
                               bool* same_password) {
    co_await recall_from_others(item, query);
    const RightPassword* known = recall(item, *query);
    *same_password =
        known != nullptr && query->gave_password() &&
        equal_secrets(known->digest, password_digest(key_, query->user, query->password));
    if (*same_password && known->answer.kind == AuthAnswer::Kind::kRight) {
        co_return known->answer;
    }
    AuthAnswer answer = co_await item->database->find_password(*query);
    known = recall(item, *query);
    *same_password = *same_password && known != nullptr;
    if (*same_password && answer.kind == AuthAnswer::Kind::kTemporary) {
        log_warning("user {}: {}: what was right before is believed", printable(query->user),
                    answer.reason);
        co_return known->answer;
    }
    *same_password =
        *same_password && whole_text(known->answer.fields) == whole_text(answer.fields);
    co_return answer;
}

// For those who have proven already who they are.
Task<Verifier::Outcome> Verifier::look_only(const ListedDatabase* item, AuthQuery query) {
    AuthQuery asked = without_password(std::move(query));
    AuthAnswer answer;
    if (item->database->tells_passwords()) {
        answer = co_await item->database->find_password(asked);
    } else {
        answer = co_await item->database->find_user(asked);
        answer.fields = {};  // of another kind
    }
    if (answer.kind == AuthAnswer::Kind::kTemporary) {
        co_return Outcome{Outcome::Kind::kTrouble, answer.reason};
    }
    if (answer.kind != AuthAnswer::Kind::kFound) {
        co_return Outcome{Outcome::Kind::kWrong, std::string(kUnknownUser)};
    }
    co_return Outcome{Outcome::Kind::kRight, "", item->completed(std::move(answer.fields), asked)};
}

Task<Verifier::Outcome> Verifier::try_database(const ListedDatabase* item, Login* login) {
    const AuthQuery& query = login->query;
    if (login->proven || item->deny) {
        co_return co_await look_only(item, query);
    }
    bool can_look = query.gave_password() || item->database->tells_passwords();
    if (!can_look || query.gave_token() != item->database->takes_tokens().has_value()) {
        co_return Outcome{Outcome::Kind::kWrong, std::string(kUnknownUser)};
    }
    bool same_password = false;
    AuthAnswer answer = co_await ask(item, &query, &same_password);
    login->delayed = login->delayed && !answer.fields.has("nodelay");
    switch (answer.kind) {
        case AuthAnswer::Kind::kUnknown:
            co_return Outcome{Outcome::Kind::kWrong, std::string(kUnknownUser)};
        case AuthAnswer::Kind::kWrong:
            co_return Outcome{Outcome::Kind::kWrong, answer.reason};
        case AuthAnswer::Kind::kTemporary:
            co_return Outcome{Outcome::Kind::kTrouble, answer.reason};
        case AuthAnswer::Kind::kFound:
        case AuthAnswer::Kind::kRight:
            break;
    }
    AuthParameters fields = item->completed(answer.fields, query);
    if (answer.kind == AuthAnswer::Kind::kFound && !same_password) {
        auto right = co_await check_password(query, fields);
        if (!right) {
            // Whoever tries, and however often: it will not get right by itself.
            log_warning("user {}: {}", printable(query.user), right.error().message);
            co_return Outcome{Outcome::Kind::kWrong, right.error().message};
        }
        if (!*right) {
            co_return Outcome{Outcome::Kind::kWrong, "password mismatch"};
        }
    }
    if (!same_password) {
        co_await remember(item, &query, &answer);
    }
    co_return Outcome{Outcome::Kind::kRight, "", std::move(fields)};
}

// What follows from an outcome.
void Verifier::conclude(const ListedDatabase& item, Outcome outcome, Login* login) {
    if (item.override_fields.has("nodelay") || item.default_fields.has("nodelay")) {
        login->delayed = false;
    }
    if (outcome.kind == Outcome::Kind::kRight) {
        const AuthParameters& fields = outcome.fields;
        if (!fields.get("user").empty()) {
            login->query.user = fields.get("user");
        }
        add_fields(login->fields, fields);
        login->reason = "the database says no to this user";
    } else if (outcome.kind == Outcome::Kind::kTrouble) {
        login->trouble = outcome.reason;
    } else if (login->reason.empty() || outcome.reason != kUnknownUser) {
        login->reason = outcome.reason;
    }
}

// In order, until one has the last word.  A later database may know what one that cannot answer
// does not say.
Task<void> Verifier::go_through(const Databases* databases, Login* login) {
    using Rule = ListedDatabase::Rule;
    for (const ListedDatabase& item : *databases) {
        if (!item.is_asked(login->query, login->accepted)) {
            continue;
        }
        Outcome outcome = co_await try_database(&item, login);
        auto kind = outcome.kind;
        if (item.deny && kind != Outcome::Kind::kWrong) {
            login->accepted = false;
            login->denied = true;
            login->reason = "denied";
            login->trouble = kind == Outcome::Kind::kTrouble ? outcome.reason : "";
            co_return;
        }
        if (item.deny) {
            continue;
        }
        conclude(item, std::move(outcome), login);
        const Rule& rule = kind == Outcome::Kind::kRight     ? item.success
                           : kind == Outcome::Kind::kTrouble ? item.internal_failure
                                                             : item.failure;
        login->passed_on = kind == Outcome::Kind::kRight && rule.then == Rule::Then::kContinue;
        // The next ones have nothing to look at.
        login->proven = login->proven ||
                        (kind == Outcome::Kind::kRight && rule.verdict != Rule::Verdict::kFail);
        if (rule.verdict != Rule::Verdict::kAsBefore) {
            login->accepted = rule.verdict == Rule::Verdict::kOk;
            login->proven = login->proven || login->accepted;
        }
        if (rule.then == Rule::Then::kReturn || (item.master && login->passed_on)) {
            co_return;
        }
    }
}

Verdict Verifier::refused(const Login& login) {
    Verdict verdict = login.trouble.empty() ? Verdict::wrong(login.query.user, login.reason)
                                            : Verdict::temporary(login.query.user, login.trouble);
    verdict.delayed = login.delayed;
    return verdict;
}

// "owner*master", where auth_master_user_separator says so, or a mechanism that has both names.
Verifier::Names Verifier::names_of(const AuthCheck& check) const {
    std::string given = check.credentials.user;
    std::string owner = check.credentials.authorization;
    std::string_view certified = check.parameters.get("cert_username");
    if (conf().auth_ssl_username_from_cert() && check.parameters.has("valid-client-cert") &&
        !certified.empty() && check.credentials.proof != Proof::kVouched) {
        given = certified;
    }
    std::string separator = conf().auth_master_user_separator();
    auto at = separator.empty() ? std::string::npos : given.find(separator.front());
    if (owner.empty() && at != std::string::npos && at > 0) {
        owner = given.substr(0, at);
        given.erase(0, at + 1);
    }
    std::string realm = conf().auth_default_realm();
    if (!realm.empty() && !given.contains('@')) {
        given += format("@{}", realm);
    }
    Names names;
    names.user = expand_user_variables(conf().auth_username_format(), given);
    names.owner =
        owner.empty() ? names.user : expand_user_variables(conf().auth_username_format(), owner);
    return names;
}

Task<Verdict> Verifier::verify(AuthCheck check) {
    Names names = names_of(check);
    Login login;
    login.query.user = std::move(names.user);
    login.query.password = std::move(check.credentials.password);
    login.query.parameters = std::move(check.parameters);
    login.query.parameters.set("mech", check.mechanism);
    login.query.response = {check.mechanism, std::move(check.credentials.challenge),
                            std::move(check.credentials.digest), check.credentials.proof};
    login.reason = kUnknownUser;
    if (conf().auth_ssl_require_client_cert() && !login.query.parameters.has("valid-client-cert")) {
        co_return Verdict::wrong(login.query.user, "no valid client certificate");
    }
    if (names.owner != login.query.user) {
        co_return co_await verify_master(std::move(login), std::move(names.owner));
    }
    if (check.credentials.proof == Proof::kVouched) {
        // Where his mail is may stand with the passwords.
        login.proven = true;
        co_await go_through(&passdbs_, &login);
        if (login.denied || (userdbs_.empty() && !login.accepted)) {
            co_return refused(login);
        }
        co_return co_await find_identity(std::move(login));
    }
    login.trouble = passdbs_.empty() ? "there is no database of users" : "";
    co_await go_through(&passdbs_, &login);
    if (!login.accepted) {
        co_return refused(login);
    }
    co_return co_await find_identity(std::move(login));
}

// Whoever is in a database with master=yes logs in as somebody else, whom nobody asks.
Task<Verdict> Verifier::verify_master(Login login, std::string owner) {
    if (masters_.empty()) {
        co_return Verdict::wrong(login.query.user, "may not act as another user");
    }
    co_await go_through(&masters_, &login);
    if (!login.accepted && !login.passed_on) {
        co_return refused(login);
    }
    std::string master = login.query.user;
    if (auto refused_one = refusal(login.query, login.fields)) {
        co_return std::move(*refused_one);
    }
    Login as_owner;
    as_owner.query = without_password(std::move(login.query));
    as_owner.query.user = std::move(owner);
    as_owner.query.parameters.set("master_user", master);
    as_owner.proven = true;
    if (login.passed_on || userdbs_.empty()) {
        as_owner.reason = kUnknownUser;
        co_await go_through(&passdbs_, &as_owner);
        if (!as_owner.accepted) {
            Verdict verdict = refused(as_owner);
            verdict.why = Verdict::Why::kNotAuthorized;
            co_return verdict;
        }
    }
    log_info("user {}: logs in as {}", printable(master), printable(as_owner.query.user));
    Verdict verdict = co_await find_identity(std::move(as_owner));
    if (verdict.kind == Verdict::Kind::kRight) {
        verdict.fields.set("master_user", master);
    }
    co_return verdict;
}

Task<std::optional<std::string>> Verifier::secret(AuthCheck wanted) {
    Names names = names_of(wanted);
    const Databases& databases = names.owner == names.user ? passdbs_ : masters_;
    AuthQuery query;
    query.user = std::move(names.user);
    query.parameters = std::move(wanted.parameters);
    query.parameters.set("mech", wanted.mechanism);
    for (const ListedDatabase& item : databases) {
        if (item.deny || !item.database->tells_passwords() || !item.is_asked(query, false)) {
            continue;
        }
        AuthAnswer answer = co_await item.database->find_password(query);
        if (answer.kind == AuthAnswer::Kind::kFound) {
            co_return std::string(answer.fields.get("password"));
        }
    }
    co_return std::nullopt;
}

// The password is right; whether he may come in, and where his mail is.
Task<Verdict> Verifier::find_identity(Login login) {
    if (auto against = refusal(login.query, login.fields)) {
        against->delayed = login.delayed;
        co_return std::move(*against);
    }
    if (auto elsewhere = co_await send_elsewhere(&login)) {
        co_return std::move(*elsewhere);
    }
    AuthQuery query = std::move(login.query);
    query.password.clear();
    std::string user = query.user;
    bool for_login = !query.parameters.has("nologin");
    if (!for_login) {
        co_return admit(std::move(user), {true, true, "", fields_of_mail(login.fields)});
    }
    Found found = co_await find_user(std::move(query), std::move(login.fields));
    if (found.known) {
        co_return admit(std::move(user), found);
    }
    co_return Verdict::temporary(
        std::move(user), !found.trouble.empty()
                             ? found.trouble
                             : "the password is right, but auth_userdb does not know the user");
}

}  // namespace relais
