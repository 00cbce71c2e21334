#include "smtp/refused_logins.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/sasl/password.h"

namespace relais::smtp_client {

namespace {

std::string checked_map(const std::string& map) {
    if (!map.starts_with("proxy:")) {
        log_fatal("SASL authentication cache name \"{}\" must start with \"proxy:", map);
    }
    return map;
}

std::string key_of(const std::string& host, const std::string& user) {
    return host + ";" + user;
}

}  // namespace

std::optional<RefusedLogin> parse_refused_login(std::string_view value) {
    const auto time = split_first(value, ';');
    const auto password = time ? split_first(time->second, ';') : std::nullopt;
    const auto dsn = password ? split_first(password->second, ';') : std::nullopt;
    const auto seconds = dsn ? parse_uint(time->first) : std::nullopt;
    if (!seconds || dsn->first.empty()) {
        return std::nullopt;
    }
    RefusedLogin out;
    out.time = static_cast<std::time_t>(*seconds);
    out.password = password->first;
    out.dsn = dsn->first;
    out.text = dsn->second;
    return out;
}

RefusedLogins::RefusedLogins(const std::string& map, std::chrono::seconds keep)
    : table_(checked_map(map)), keep_(keep) {
}

Task<std::optional<RefusedLogin>> RefusedLogins::find(std::string host, std::string user,
                                                      std::string password) {
    const auto value = co_await table_.lookup(key_of(host, user));
    auto found = value ? parse_refused_login(*value) : std::nullopt;
    if (!found || found->time + keep_.count() < std::time(nullptr) ||
        found->password != sha1_of_password(password)) {
        co_return std::nullopt;
    }
    co_return found;
}

Task<void> RefusedLogins::store(std::string host, std::string user, RefusedLogin login) {
    std::string value = format("{};{};{};{}", login.time, login.password, login.dsn, login.text);
    co_await table_.store(key_of(host, user), std::move(value));
}

}  // namespace relais::smtp_client
