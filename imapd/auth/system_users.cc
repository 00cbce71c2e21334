// passwd: and pam: — the accounts of this system.  Who they are, anybody may ask; their passwords
// only root can look at, so a helper does that which was forked while this process was root.
#include <array>
#include <chrono>

#include <grp.h>
#include <pwd.h>
#include <shadow.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/daemon/worker_helper.h"
#include "lib/event/blocking.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/sasl/pam_check.h"

#include "imapd/auth/databases.h"

namespace relais {

namespace {

constexpr std::size_t kMostWorkers = 32;
// PAM's modules wait for seconds after a wrong password, and for servers.
constexpr std::chrono::seconds kAnswerTime(60);
constexpr std::string_view kDefaultService = "dovecot";

using Check = std::function<AuthAnswer(const AuthQuery&)>;

// A worker's life: one question.
void answer_one(int fd, const Check& check) {
    std::string line;
    std::array<char, 4096> bytes{};
    while (!line.ends_with('\n') && line.size() < kMaxAuthLine) {
        ssize_t got = ::read(fd, bytes.data(), bytes.size());
        if (got <= 0) {
            return;
        }
        line.append(bytes.data(), static_cast<std::size_t>(got));
    }
    if (!write_all(fd, check(AuthQuery::parse(line)).serialize())) {
        log_warning("auth's helper: the answer found nobody");
    }
}

AuthAnswer check_with_pam(const std::string& service, const AuthQuery& query) {
    if (query.password.empty()) {
        return {AuthAnswer::Kind::kWrong, "an empty password", {}};  // whatever "nullok" says
    }
    auto checked =
        pam_check({service, query.user, query.password, std::string(query.parameters.get("rip"))});
    if (!checked) {
        auto kind = checked.error().code == Errc::kDenied ? AuthAnswer::Kind::kWrong
                                                          : AuthAnswer::Kind::kTemporary;
        return {kind, checked.error().message, {}};
    }
    AuthAnswer answer{AuthAnswer::Kind::kRight, "", {}};
    answer.fields.set("user", *checked);
    return answer;
}

AuthAnswer shadow_entry(const AuthQuery& query) {
    std::array<char, 16384> buffer{};
    spwd entry{};
    spwd* found = nullptr;
    int trouble = ::getspnam_r(query.user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
        return trouble == 0 || trouble == ENOENT
                   ? AuthAnswer::unknown()
                   : AuthAnswer::temporary(fail_errno("shadow", trouble).error().message);
    }
    AuthParameters fields;
    fields.set("password", format("{{CRYPT}}{}", entry.sp_pwdp));
    return AuthAnswer::found(std::move(fields));
}

AuthAnswer passwd_entry(const std::string& user) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    int trouble = ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
        return trouble == 0 || trouble == ENOENT
                   ? AuthAnswer::unknown()
                   : AuthAnswer::temporary(fail_errno("passwd", trouble).error().message);
    }
    AuthParameters fields;
    fields.set("uid", std::to_string(entry.pw_uid));
    fields.set("gid", std::to_string(entry.pw_gid));
    fields.set("home", entry.pw_dir);
    return AuthAnswer::found(std::move(fields));
}

std::vector<std::string> all_accounts() {
    std::vector<std::string> names;
    ::setpwent();
    while (const passwd* entry = ::getpwent()) {
        names.emplace_back(entry->pw_name);
    }
    ::endpwent();
    return names;
}

class SystemUsers : public AuthDatabase {
  public:
    enum class Kind { kTellsPasswords, kLooksAtThem };

    SystemUsers(std::string title, Kind kind, Check check)
        : title_(std::move(title)),
          kind_(kind),
          helper_([] { return std::string("ready"); },
                  [check = std::move(check)](int fd) { answer_one(fd, check); },
                  WorkerHelper::Rights::kRoot) {}

    Task<AuthAnswer> find_password(AuthQuery query) override;

    Task<AuthAnswer> find_user(AuthQuery query) override {
        std::string user = std::move(query.user);
        return run_blocking([user] { return passwd_entry(user); });
    }

    Task<Result<std::vector<std::string>>> list_users() override { co_return all_accounts(); }

    bool tells_passwords() const override { return kind_ == Kind::kTellsPasswords; }

    Task<void> watch() const override { return helper_.watch(); }

  private:
    std::string title_;
    Kind kind_;
    WorkerHelper helper_;
    Semaphore places_{kMostWorkers};
};

Task<AuthAnswer> SystemUsers::find_password(AuthQuery query) {
    if (query.user.contains('\0')) {
        co_return AuthAnswer::unknown();
    }
    Semaphore::Place place = co_await places_.take();
    auto socket = helper_.start_worker();
    if (!socket) {
        co_return AuthAnswer::temporary(format("{}: {}", title_, socket.error().message));
    }
    Stream stream(std::move(*socket));
    stream.set_timeout(kAnswerTime);
    try {
        stream.write(query.serialize());
        while (!stream.buffered().contains('\n')) {
            bool more = co_await stream.fill();
            if (!more) {
                co_return AuthAnswer::temporary(title_ + ": the helper ended without an answer");
            }
        }
        co_return AuthAnswer::parse(stream.buffered());
    } catch (const IoError& error) {
        co_return AuthAnswer::temporary(format("{}: {}", title_, error.what()));
    } catch (const TimedOut&) {
        co_return AuthAnswer::temporary(
            format("{}: no answer in {} seconds", title_, kAnswerTime.count()));
    }
}

}  // namespace

OpenedAuthDatabase open_auth_passwd(std::string_view text) {
    if (!text.empty()) {
        return fail(Errc::kSyntax, format("passwd takes no argument, but has \"{}\"", text));
    }
    return std::make_unique<SystemUsers>("shadow", SystemUsers::Kind::kTellsPasswords,
                                         shadow_entry);
}

OpenedAuthDatabase open_auth_pam(std::string_view text) {
    std::string service(text.empty() ? kDefaultService : text);
    if (service.contains('/')) {
        return fail(Errc::kSyntax, format("pam: \"{}\" is no service's name", service));
    }
    return std::make_unique<SystemUsers>(
        "pam", SystemUsers::Kind::kLooksAtThem,
        [service](const AuthQuery& query) { return check_with_pam(service, query); });
}

}  // namespace relais
