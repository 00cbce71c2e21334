// passwd-file: users in files, which are read again when they have changed.
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/sasl/users_file.h"

#include "imapd/auth/databases.h"
#include "imapd/auth/opener.h"

namespace relais {

namespace {

class PasswdFiles : public AuthDatabase {
  public:
    explicit PasswdFiles(std::vector<std::string> paths)
        : opener_(std::move(paths)), files_(opener_.size()) {
        refresh();
    }

    Task<AuthAnswer> find_password(AuthQuery query) override { co_return find(query); }

    // The entry's uid, gid and home, and the extra fields that are for this.
    Task<AuthAnswer> find_user(AuthQuery query) override {
        AuthAnswer answer = find(query);
        answer.fields = fields_of_mail(answer.fields);
        co_return answer;
    }

    Task<Result<std::vector<std::string>>> list_users() override;

    std::optional<std::uint64_t> version() override {
        std::uint64_t reads = 0;
        for (const UsersFile& file : files_) {
            reads += file.version();
        }
        return reads;
    }

    Task<void> watch() const override { return opener_.watch(); }

  private:
    AuthAnswer find(const AuthQuery& query);
    void refresh();

    Opener opener_;
    std::vector<UsersFile> files_;
    std::int64_t refreshed_ = 0;
    bool broken_ = false;  // a file could not be read
};

// At most once a second.
void PasswdFiles::refresh() {
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
            log_warning("users' file {}: {}", opener_.path(i), done.error().message);
            broken_ = true;
        }
    }
}

AuthAnswer PasswdFiles::find(const AuthQuery& query) {
    refresh();
    UserVariables variables = query.variables();
    for (const UsersFile& file : files_) {
        if (const AuthParameters* entry = file.find(query.user)) {
            AuthParameters fields;
            for (const auto& [name, value] : entry->all()) {
                fields.set(name, name == "userdb_home" ? variables.expand(value) : value);
            }
            return AuthAnswer::found(std::move(fields));
        }
    }
    return broken_ ? AuthAnswer::temporary("the users' file cannot be read")
                   : AuthAnswer::unknown();
}

Task<Result<std::vector<std::string>>> PasswdFiles::list_users() {
    refresh();
    std::vector<std::string> names;
    for (const UsersFile& file : files_) {
        for (std::string& name : file.users()) {
            names.push_back(std::move(name));
        }
    }
    co_return names;
}

}  // namespace

OpenedAuthDatabase open_passwd_files(std::string_view text) {
    std::vector<std::string> paths;
    for (std::string_view path : split_words(text, ", \t\r\n")) {
        paths.emplace_back(path);
    }
    if (paths.empty()) {
        return fail(Errc::kSyntax, "no file is named");
    }
    return std::make_unique<PasswdFiles>(std::move(paths));
}

}  // namespace relais
