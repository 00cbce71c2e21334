// The half of the verifier that is about whose mail it is: auth_userdb, and what is told of a user.
#include <algorithm>
#include <ctime>
#include <unordered_set>

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/password.h"

#include "imapd/auth/identity.h"
#include "imapd/auth/proxied.h"
#include "imapd/auth/verifier.h"

namespace relais {

namespace {

bool tells_of_mail(const AuthParameters& fields) {
    return std::ranges::any_of(fields.all(),
                               [](const auto& each) { return each.first.starts_with("userdb_"); });
}

}  // namespace

// `passdb_fields`: what the databases of passwords have said, if they were asked.
Task<Verifier::Found> Verifier::find_user(AuthQuery query, AuthParameters passdb_fields) {
    using Rule = ListedDatabase::Rule;
    Found found;
    if (userdbs_.empty()) {
        co_return Found{true, false, "", fields_of_mail(passdb_fields)};
    }
    for (const ListedDatabase& item : userdbs_) {
        // Dovecot asks the first one, whatever its `skip` says.
        if (&item != &userdbs_.front() && !item.is_asked(query, found.known)) {
            continue;
        }
        AuthAnswer answer = AuthAnswer::unknown();
        if (!item.prefetch) {
            answer = co_await item.database->find_user(query);
        } else if (tells_of_mail(passdb_fields)) {
            answer = AuthAnswer::found(fields_of_mail(passdb_fields));
            found.prefetched = true;
        }
        bool right = answer.kind == AuthAnswer::Kind::kFound;
        bool trouble = answer.kind == AuthAnswer::Kind::kTemporary;
        if (right) {
            found.everybody = found.everybody || (item.database && item.database->has_everybody());
            add_fields(found.fields, item.completed(std::move(answer.fields), query));
        } else if (trouble) {
            found.trouble = answer.reason;
        }
        const Rule& rule = right ? item.success : trouble ? item.internal_failure : item.failure;
        if (rule.verdict != Rule::Verdict::kAsBefore) {
            found.known = rule.verdict == Rule::Verdict::kOk;
        }
        if (rule.then == Rule::Then::kReturn) {
            break;
        }
    }
    co_return found;
}

// The answer for a user whose mail is on another machine; nothing for others.  Who does not pass
// connections on (smtpd without smtpd_sasl_proxy) hears yes or no as of any user, but not where
// only the other machine knows the password.
Task<std::optional<Verdict>> Verifier::send_elsewhere(Login* login) {
    bool elsewhere = co_await is_proxied(&login->query, &login->fields);
    if (!elsewhere) {
        co_return std::nullopt;
    }
    const AuthParameters& asked = login->query.parameters;
    if (asked.has("nologin") && !asked.has(kAuthPassesOn)) {
        bool anybody = login->fields.has("nopassword");
        co_return anybody ? std::optional(Verdict::wrong(
                                login->query.user, "only the user's machine knows the password"))
                          : std::nullopt;
    }
    Verdict verdict;
    verdict.kind = Verdict::Kind::kRight;
    verdict.proxied = true;
    verdict.fields = proxy_login(login->query, login->fields);
    verdict.user = std::move(login->query.user);
    co_return verdict;
}

// The same for mail that comes for him (lmtpd_proxy), with what a database of passwords says.
Task<std::optional<Verdict>> Verifier::mail_elsewhere(AuthQuery query) {
    for (const ListedDatabase& item : passdbs_) {
        if (item.deny) {
            continue;
        }
        Outcome outcome = co_await look_only(&item, query);
        if (outcome.kind == Outcome::Kind::kTrouble) {
            co_return Verdict::temporary(query.user, outcome.reason);
        }
        if (outcome.kind != Outcome::Kind::kRight) {
            continue;
        }
        bool elsewhere = co_await is_proxied(&query, &outcome.fields);
        if (!elsewhere) {
            co_return std::nullopt;
        }
        Verdict verdict;
        verdict.kind = Verdict::Kind::kRight;
        verdict.proxied = true;
        verdict.user = query.user;
        verdict.fields = proxy_place(outcome.fields);
        co_return verdict;
    }
    co_return std::nullopt;
}

// What the databases of passwords know of him, whatever the password.
Task<Verifier::Found> Verifier::look_for_password(AuthQuery query) {
    Found found;
    if (passdbs_.empty()) {
        found.trouble = "there is no database of users";
    }
    for (const ListedDatabase& item : passdbs_) {
        if (item.deny) {
            continue;
        }
        Outcome outcome = co_await look_only(&item, query);
        if (outcome.kind == Outcome::Kind::kRight) {
            bool barred = outcome.fields.has("nologin");
            found = Found{true, false, "", fields_of_mail(outcome.fields)};
            if (barred) {
                found.fields.set("nologin", "");
            }
            break;
        }
        if (outcome.kind == Outcome::Kind::kTrouble) {
            found.trouble = outcome.reason;
        }
    }
    co_return found;
}

Task<Verdict> Verifier::look_up(std::string user, AuthParameters parameters) {
    // Others ask for a name of ours.
    const bool typed = parameters.get("service") == "doveadm";
    if (typed) {
        user = expand_user_variables(conf().auth_username_format(), user);
    }
    AuthQuery query;
    query.user = user;
    bool mail = parameters.get("service") == "lmtp";
    bool session_goes_on = parameters.get("service").empty();
    query.parameters = std::move(parameters);
    if (mail && query.parameters.has("lip") && conf().lmtpd_proxy()) {
        if (auto elsewhere = co_await mail_elsewhere(query)) {
            co_return std::move(*elsewhere);
        }
    }
    Found found;
    if (userdbs_.empty()) {
        found = co_await look_for_password(query);
    } else {
        found = co_await find_user(query, {});
    }
    if (!session_goes_on && found.known && found.everybody) {
        Found exists = co_await look_for_password(query);
        found.known = exists.known;
        found.trouble = exists.trouble;
    }
    if (!found.known) {
        co_return found.trouble.empty() ? Verdict::wrong(user, std::string(kUnknownUser))
                                        : Verdict::temporary(user, found.trouble);
    }
    // His mail still comes, and commands still find it.
    if (session_goes_on && found.fields.has("nologin")) {
        co_return Verdict::wrong(user, "login is disabled for this user");
    }
    co_return admit(std::move(user), found);
}

// Whether anything can have changed: by the databases that know it, and by the time for the others.
std::string Verifier::state_of_databases() {
    constexpr std::int64_t kLeast = 60;
    std::string state = process_;
    for (const Databases* databases : {&passdbs_, &masters_, &userdbs_}) {
        for (const ListedDatabase& item : *databases) {
            auto version =
                item.database ? item.database->version() : std::optional<std::uint64_t>(0);
            auto period = std::max<std::int64_t>(conf().auth_cache_time().count(), kLeast);
            state += version ? format(".{}", *version) : format(".t{}", ::time(nullptr) / period);
        }
    }
    return state;
}

// A version of what was fetched with the password says nothing of what a look-up finds later.
Verdict Verifier::admit(std::string user, const Found& found) {
    auto identity = identity_fields(user, found.fields);
    if (!identity) {
        log_warning("user {}: unknown account or group", printable(user));
        return Verdict::temporary(std::move(user), "unknown account or group");
    }
    identity->set("version",
                  format("{}.{}", found.prefetched ? "prefetched" : process_,
                         hex_encode(password_digest(key_, user, whole_text(found.fields)))));
    identity->set("files", state_of_databases());
    Verdict verdict;
    verdict.kind = Verdict::Kind::kRight;
    verdict.user = std::move(user);
    verdict.fields = std::move(*identity);
    return verdict;
}

Task<Verdict> Verifier::look_up_password(std::string user) {
    AuthQuery query{expand_user_variables(conf().auth_username_format(), user), "", {}};
    Verdict verdict = Verdict::wrong(query.user, "unknown user");
    for (const ListedDatabase& item : passdbs_) {
        if (item.deny) {
            continue;
        }
        AuthAnswer found = co_await item.database->find_password(query);
        if (found.kind == AuthAnswer::Kind::kTemporary) {
            verdict = Verdict::temporary(query.user, found.reason);
        }
        if (found.kind != AuthAnswer::Kind::kFound) {
            continue;
        }
        verdict.kind = Verdict::Kind::kRight;
        for (const auto& [name, value] : found.fields.all()) {
            if (name != "password" && name != "user" && !name.starts_with("userdb_")) {
                verdict.fields.set(name, value);
            }
        }
        break;
    }
    co_return verdict;
}

Task<Result<std::vector<std::string>>> Verifier::list_users() {
    const Databases& databases = userdbs_.empty() ? passdbs_ : userdbs_;
    std::vector<std::string> names;
    std::unordered_set<std::string> known;
    bool complete = !databases.empty();
    for (const ListedDatabase& item : databases) {
        if (item.prefetch || item.deny) {
            continue;  // it knows nobody, or whom nobody is to know
        }
        auto some = co_await item.database->list_users();
        if (!some) {
            log_warning("list of users: {}", some.error().message);
            complete = false;
            continue;
        }
        for (std::string& name : *some) {
            if (known.insert(name).second) {
                names.push_back(std::move(name));
            }
        }
    }
    if (!complete && names.empty()) {
        co_return fail(Errc::kTemporary, "no database tells its users");
    }
    co_return names;
}

Task<std::size_t> Verifier::forget(std::vector<std::string> users) {
    std::size_t before = remembered_.size();
    if (users.empty()) {
        remembered_.clear();
        if (shared_.is_on()) {
            co_await shared_.remove_all();
        }
    }
    for (const std::string& user : users) {
        for (const Databases* databases : {&passdbs_, &masters_}) {
            for (const ListedDatabase& item : *databases) {
                remembered_.erase({&item, user});
                if (shared_.is_on()) {
                    co_await shared_.remove(item.text, user);
                }
            }
        }
    }
    co_return before - remembered_.size();
}

}  // namespace relais
