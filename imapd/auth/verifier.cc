#include "imapd/auth/verifier.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/sasl/password.h"
#include "lib/sasl/user_variables.h"

namespace relais {

namespace {

constexpr std::size_t kMaxRemembered = 50000;

// An account by name, or a bare number.
struct Account {
    std::string uid;
    std::string gid;
};

std::optional<Account> find_account(const std::string& name) {
    if (parse_uint(name)) {
        return Account{name, ""};
    }
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr) {
        return std::nullopt;
    }
    return Account{std::to_string(found->pw_uid), std::to_string(found->pw_gid)};
}

std::optional<std::string> find_group(const std::string& name) {
    if (parse_uint(name)) {
        return name;
    }
    std::array<char, 16384> buffer{};
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr) {
        return std::nullopt;
    }
    return std::to_string(found->gr_gid);
}

// uid, gid, home and mail as the imap process will use them; nothing when they cannot be found out.
std::optional<AuthParameters> user_fields(const std::string& user, const UserEntry& entry) {
    std::string uid = entry.uid.empty() ? conf().auth_default_uid() : entry.uid;
    std::string gid = entry.gid.empty() ? conf().auth_default_gid() : entry.gid;
    std::string home = entry.home.empty() ? expand_user_variables(conf().auth_default_home(), user)
                                          : expand_user_variables(entry.home, user);
    AuthParameters fields;
    if (::getuid() != 0 && uid.empty()) {
        uid = std::to_string(::getuid());  // an ordinary user's instance knows no other account
    }
    auto account = uid.empty() ? std::nullopt : find_account(uid);
    auto group = gid.empty() ? std::nullopt : find_group(gid);
    if ((!uid.empty() && !account) || (!gid.empty() && !group)) {
        return std::nullopt;
    }
    if (account) {
        fields.set("uid", account->uid);
    }
    if (group || (account && !account->gid.empty())) {
        fields.set("gid", group ? *group : account->gid);
    }
    if (!home.empty()) {
        fields.set("home", home);
    }
    if (!entry.mail.empty()) {
        fields.set("mail", entry.mail);
    }
    return fields;
}

std::vector<std::string> users_files() {
    std::vector<std::string> paths;
    for (std::string_view path : split_words(conf().auth_users_file(), ", \t\r\n")) {
        paths.emplace_back(path);
    }
    return paths;
}

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

std::string hex_text(std::string_view bytes) {
    std::string text;
    for (char c : bytes) {
        text += format("{:02x}", static_cast<unsigned char>(c));
    }
    return text;
}

// All of it, so that whatever changes is seen.
std::string text_of(const UserEntry& entry) {
    return format("{}\n{}\n{}\n{}\n{}\n{}\n{}", entry.password, entry.uid, entry.gid, entry.home,
                  entry.mail, entry.allow_nets, entry.no_login ? 1 : 0);
}

}  // namespace

Verifier::Verifier()
    : opener_(users_files()),
      files_(opener_.size()),
      key_(random_secret(32)),
      process_(hex_text(random_secret(8))) {
    if (files_.empty()) {
        log_warning("auth_users_file is empty: nobody can log in");
    }
    refresh_files();
}

// At most once a second.
void Verifier::refresh_files() {
    std::int64_t now = ::time(nullptr);
    if (now == refreshed_) {
        return;
    }
    refreshed_ = now;
    broken_ = false;
    for (std::size_t i = 0; i < files_.size(); ++i) {
        auto fd = opener_.open(i);
        if (!fd && fd.error().code == Errc::kClosed) {
            continue;  // what was read before is good for the short while that is left
        }
        Result<void> done = fd ? files_[i].refresh(fd->get()) : fail_with(fd);
        if (!done) {
            log_warning("auth_users_file: {}: {}", opener_.path(i), done.error().message);
            broken_ = true;
        }
    }
}

const UserEntry* Verifier::find(const std::string& user) {
    for (const UsersFile& file : files_) {
        if (const UserEntry* entry = file.find(user)) {
            return entry;
        }
    }
    return nullptr;
}

bool Verifier::is_remembered(const std::string& user, const std::string& digest,
                             const std::string& stored) const {
    auto found = remembered_.find(user);
    return found != remembered_.end() && found->second.until >= ::time(nullptr) &&
           found->second.stored == stored && equal_secrets(found->second.digest, digest);
}

Task<Result<bool>> Verifier::check_password(std::string user, std::string password,
                                            std::string stored) {
    std::string scheme = conf().auth_default_scheme();
    if (!is_slow_scheme(stored, scheme)) {
        co_return verify_password(password, stored, scheme);
    }
    std::string digest = password_digest(key_, user, password);
    if (is_remembered(user, digest, stored)) {
        co_return true;
    }
    auto work = [password, stored, scheme] { return verify_password(password, stored, scheme); };
    auto outcome = co_await run_blocking(std::move(work));
    auto keep = conf().auth_cache_time().count();
    if (outcome && *outcome && keep > 0) {
        if (remembered_.size() >= kMaxRemembered) {
            remembered_.clear();
        }
        remembered_[user] = {digest, stored, ::time(nullptr) + keep};
    }
    co_return outcome;
}

Task<Verdict> Verifier::verify(AuthCheck check) {
    std::string user = expand_user_variables(conf().auth_username_format(), check.credentials.user);
    if (!check.credentials.authorization.empty() &&
        check.credentials.authorization != check.credentials.user) {
        co_return wrong(user, "may not act as another user");
    }
    refresh_files();
    const UserEntry* found = find(user);
    if (found == nullptr) {
        co_return missing(std::move(user));
    }
    UserEntry entry = *found;
    auto right = co_await check_password(user, check.credentials.password, entry.password);
    if (!right) {
        // Whoever tries, and however often: it will not get right by itself.
        log_warning("user {}: {}", printable(user), right.error().message);
        co_return wrong(user, right.error().message);
    }
    if (!*right || entry.password.empty()) {
        co_return wrong(user, "password mismatch");
    }
    bool wants_login = !check.parameters.has("nologin");
    if (entry.no_login && wants_login) {
        co_return wrong(user, "login is disabled for this user");
    }
    if (!address_allowed(entry.allow_nets, check.parameters.get("rip"))) {
        co_return wrong(user, "not allowed from this address");
    }
    co_return admit(std::move(user), entry);
}

Verdict Verifier::look_up(const std::string& user) {
    refresh_files();
    const UserEntry* entry = find(user);
    if (entry == nullptr) {
        return missing(user);
    }
    return entry->no_login ? wrong(user, "login is disabled for this user") : admit(user, *entry);
}

Verdict Verifier::missing(std::string user) const {
    return broken_ || files_.empty() ? temporary(std::move(user), "the users' file cannot be read")
                                     : wrong(std::move(user), "unknown user");
}

Verdict Verifier::admit(std::string user, const UserEntry& entry) const {
    auto fields = user_fields(user, entry);
    if (!fields) {
        log_warning("user {}: unknown account or group", printable(user));
        return temporary(std::move(user), "unknown account or group");
    }
    std::uint64_t reads = 0;
    for (const UsersFile& file : files_) {
        reads += file.version();
    }
    fields->set("version", process_ + "." + hex_text(password_digest(key_, user, text_of(entry))));
    fields->set("files", format("{}.{}", process_, reads));
    Verdict verdict;
    verdict.kind = Verdict::Kind::kRight;
    verdict.user = std::move(user);
    verdict.fields = std::move(*fields);
    return verdict;
}

}  // namespace relais
