#include "imapd/auth/identity.h"

#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/sasl/user_variables.h"

namespace relais {

namespace {

// An account by name, or a bare number.
struct Account {
    std::string uid;
    std::string gid;
};

std::optional<Account> find_account(const std::string& name) {
    if (parse_uint(name)) {
        return Account{name, ""};
    }
    auto ids = user_ids(name);
    if (!ids) {
        return std::nullopt;
    }
    return Account{std::to_string(ids->uid), std::to_string(ids->gid)};
}

std::optional<std::string> find_group(const std::string& name) {
    if (parse_uint(name)) {
        return name;
    }
    auto id = group_id(name);
    return id ? std::optional(std::to_string(*id)) : std::nullopt;
}

std::string text_or(std::string_view text, const std::string& fallback) {
    return text.empty() ? fallback : std::string(text);
}

}  // namespace

std::optional<AuthParameters> identity_fields(const std::string& user,
                                              const AuthParameters& fields) {
    std::string uid = text_or(fields.get("uid"), conf().auth_default_uid());
    std::string gid = text_or(fields.get("gid"), conf().auth_default_gid());
    std::string home = expand_user_variables(conf().auth_default_home(), user);
    if (!process_info().privileged && uid.empty()) {
        uid = std::to_string(::getuid());  // an ordinary user's instance knows no other account
    }
    auto account = uid.empty() ? std::nullopt : find_account(uid);
    auto group = gid.empty() ? std::nullopt : find_group(gid);
    if ((!uid.empty() && !account) || (!gid.empty() && !group)) {
        return std::nullopt;
    }
    AuthParameters identity;
    for (const auto& [name, value] : fields.all()) {
        if (name != "password" && name != "user" && name != "username" && name != "domain") {
            identity.set(name, value);
        }
    }
    if (account) {
        identity.set("uid", account->uid);
    }
    if (group || (account && !account->gid.empty())) {
        identity.set("gid", group ? *group : account->gid);
    }
    if (identity.get("home").empty() && !home.empty()) {
        identity.set("home", home);
    }
    return identity;
}

}  // namespace relais
