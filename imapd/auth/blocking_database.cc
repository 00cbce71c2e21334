#include "imapd/auth/blocking_database.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

// What a worker is asked for; a query follows, but for kNames.
constexpr char kPassword = 'p';
constexpr char kUser = 'u';
constexpr char kNames = 'l';

}  // namespace

BlockingDatabase::BlockingDatabase(std::string title)
    : title_(std::move(title)),
      workers_(title_, {[this] { start(); }, [this](std::string_view key) { return work(key); }}) {
}

Task<AuthAnswer> BlockingDatabase::find_password(AuthQuery query) {
    return ask(kPassword, std::move(query));
}

Task<AuthAnswer> BlockingDatabase::find_user(AuthQuery query) {
    return ask(kUser, std::move(query));
}

Task<AuthAnswer> BlockingDatabase::ask(char what, AuthQuery query) {
    Lookup found = co_await workers_.lookup(what + query.serialize());
    co_return found.is_found() ? AuthAnswer::parse(found.value())
                               : AuthAnswer::temporary(title_ + ": " + found.reason());
}

Task<Result<std::vector<std::string>>> BlockingDatabase::list_users() {
    Lookup found = co_await workers_.lookup(std::string(1, kNames));
    if (!found.is_found()) {
        co_return fail(Errc::kTemporary, title_ + ": " + found.reason());
    }
    std::vector<std::string> users;
    for (std::string_view name : split_words(found.value(), "\n")) {
        users.emplace_back(name);
    }
    co_return users;
}

Result<std::string> BlockingDatabase::names() {
    return fail(Errc::kDenied, "this database cannot list its users");
}

Lookup BlockingDatabase::work(std::string_view key) {
    if (key.front() == kNames) {
        auto listed = names();
        return listed ? Lookup::found(std::move(*listed)) : Lookup::retry(listed.error().message);
    }
    Purpose purpose = key.front() == kPassword ? Purpose::kPassword : Purpose::kUser;
    return Lookup::found(find(purpose, AuthQuery::parse(key.substr(1))).serialize());
}

}  // namespace relais
