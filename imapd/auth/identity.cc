#include "imapd/auth/identity.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "lib/access/login_inquiry.h"
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

// What Dovecot 2.4 calls the fields of a mail location, and how 2.3 writes them in one.
struct LocationPart {
    std::string_view field;
    std::string_view prefix;
};

constexpr std::array<LocationPart, 3> kLocationParts = {{{"mail_inbox_path", ":INBOX="},
                                                         {"mail_index_path", ":INDEX="},
                                                         {"mail_control_path", ":CONTROL="}}};

// The word before the path where everybody's mail is, "maildir" where there is none.
std::string usual_driver() {
    auto parts = split_first(conf().imap_mail_location(), ':');
    bool named = parts && parts->first.find('/') == std::string_view::npos;
    return named ? std::string(parts->first) : "maildir";
}

// "maildir:~/Maildir" of mail_driver and mail_path; nothing where there is no path.
std::string location_of_24(const AuthParameters& fields) {
    if (fields.get("mail_path").empty()) {
        return "";
    }
    std::string location = text_or(fields.get("mail_driver"), usual_driver());
    location += ":" + std::string(fields.get("mail_path"));
    for (const LocationPart& part : kLocationParts) {
        std::string_view path = fields.get(part.field);
        location += path.empty() ? "" : std::string(part.prefix) + std::string(path);
    }
    return location;
}

constexpr std::string_view kUnlimited = "unlimited";

// ":storage=1G" of bytes or a number with a unit; nothing for what is no size.
std::string storage_limit_of_24(std::string_view size) {
    if (size == kUnlimited) {
        return ":bytes=0";
    }
    std::string_view digits = size.substr(0, size.find_first_not_of("0123456789"));
    std::string_view unit = trim(size.substr(digits.size())).substr(0, 1);
    if (digits.empty()) {
        return "";
    }
    bool bytes = unit.empty() || iequals(unit, "b");
    return bytes ? ":bytes=" + std::string(digits)
                 : ":storage=" + std::string(digits) + std::string(unit);
}

// ":messages=100"; nothing for what is no number.
std::string message_limit_of_24(std::string_view count) {
    if (count == kUnlimited) {
        return ":messages=0";
    }
    bool number = !count.empty() && std::ranges::all_of(count, is_digit);
    return number ? ":messages=" + std::string(count) : "";
}

// "*:storage=1G:messages=100" of quota_storage_size and quota_message_count; without those nothing.
std::string quota_rule_of_24(const AuthParameters& fields) {
    std::string limits = storage_limit_of_24(fields.get("quota_storage_size")) +
                         message_limit_of_24(fields.get("quota_message_count"));
    return limits.empty() ? "" : "*" + limits;
}

void set_unless_there(AuthParameters& fields, const std::string& name, const std::string& value) {
    if (!fields.has(name) && !value.empty()) {
        fields.set(name, value);
    }
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
    set_unless_there(identity, "mail", location_of_24(fields));
    if (!fields.has("quota_rule")) {
        // Behind all others: the limit that it does not name stays as they say.
        set_unless_there(identity, "quota_rule" + std::to_string(kMostQuotaRules),
                         quota_rule_of_24(fields));
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
