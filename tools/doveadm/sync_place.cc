#include "tools/doveadm/sync_place.h"

#include <array>
#include <csignal>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/event/loop.h"
#include "lib/sasl/user_variables.h"
#include "lib/sync/imap_replica.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/remote_replica.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

constexpr std::string_view kRemote = "remote:";
constexpr std::chrono::seconds kLinger{10};

std::string setting(const std::map<std::string, std::string>& settings, const std::string& name,
                    std::string_view otherwise = "") {
    auto found = settings.find(name);
    return found == settings.end() ? std::string(otherwise) : found->second;
}

bool is_yes(std::string_view text) {
    return iequals(text, "yes") || iequals(text, "y") || text == "1";
}

ImapAccount imap_account(const std::map<std::string, std::string>& settings,
                         const std::string& user, std::chrono::seconds patience) {
    ImapAccount account;
    account.host = setting(settings, "imapc_host");
    account.port = setting(settings, "imapc_port");
    account.user = expand_user_variables(setting(settings, "imapc_user", "%u"), user, "");
    account.password = setting(settings, "imapc_password");
    account.master_user = setting(settings, "imapc_master_user");
    std::string tls = setting(settings, "imapc_ssl", "no");
    account.tls = tls == "imaps"      ? ImapAccount::Tls::kImmediate
                  : tls == "starttls" ? ImapAccount::Tls::kStartTls
                                      : ImapAccount::Tls::kNone;
    account.verifies = is_yes(setting(settings, "imapc_ssl_verify", "yes"));
    account.ca_file = setting(settings, "ssl_client_ca_file");
    account.patience = patience;
    return account;
}

// As a shell takes it, which ssh has on the other machine.
std::string quoted_for_shell(std::string_view word) {
    std::string out = "'";
    for (char c : word) {
        out += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return out + "'";
}

// "remote:-ofoo" must not become an option of ssh.
bool is_host(std::string_view target) {
    auto parts = split_last(target, '@');
    std::string_view host = parts ? parts->second : target;
    return !host.empty() && !host.starts_with('-') && !target.starts_with('-');
}

}  // namespace

SyncPlace::SyncPlace(const Words& words, const std::map<std::string, std::string>& settings,
                     std::chrono::seconds patience)
    : words_(words), settings_(settings), patience_(patience) {
    const std::string& first = words_.front();
    auto parts = split_first(first, ':');
    std::string_view driver = parts ? parts->first : std::string_view("maildir");
    if (words_.size() > 1) {
        kind_ = Kind::kCommand;
    } else if (driver == "maildir") {
        kind_ = Kind::kMaildir;
    } else if (driver == "imapc") {
        kind_ = Kind::kImap;
        if (setting(settings_, "imapc_host").empty()) {
            end_with(kTemporary, "imapc_host is not set (-o imapc_host=...)", "dsync");
        }
    } else if (driver == "remote" && is_host(parts->second)) {
        kind_ = Kind::kRemote;
    } else {
        end_with(kNotPossible, "Unknown mail storage driver " + printable(driver), "dsync");
    }
}

std::string SyncPlace::title() const {
    std::string text = join(words_, " ");
    if (kind_ == Kind::kImap) {
        text += setting(settings_, "imapc_host") + " " + setting(settings_, "imapc_user");
    }
    return text;
}

Words SyncPlace::command_for(const std::string& user) const {
    if (kind_ == Kind::kCommand) {
        return words_;
    }
    std::string_view target = std::string_view(words_.front()).substr(kRemote.size());
    auto parts = split_last(target, '@');
    Words command = {"ssh"};
    if (parts) {
        command.insert(command.end(), {"-l", std::string(parts->first)});
    }
    command.emplace_back(parts ? parts->second : target);
    command.insert(command.end(), {"doveadm", "dsync-server", "-u", quoted_for_shell(user)});
    return command;
}

void SyncPlace::begin(const std::string& user) {
    if (kind_ != Kind::kCommand && kind_ != Kind::kRemote) {
        return;
    }
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) < 0) {
        end_with(kTemporary, format("socketpair() failed: {}", std::strerror(errno)));
    }
    pipe_ = UniqueFd(pair[0]);
    UniqueFd theirs(pair[1]);
    ChildSpec spec;
    spec.argv = command_for(user);
    for (char** variable = environ; *variable != nullptr; ++variable) {
        spec.environment.emplace_back(*variable);
    }
    spec.input = spec.output = theirs.get();
    spec.error = STDERR_FILENO;
    auto child = Child::start(spec);
    if (!child) {
        end_with(kTemporary, child.error().message);
    }
    child_.emplace(std::move(*child));
}

void SyncPlace::end() {
    pipe_ = UniqueFd();
    if (!child_) {
        return;
    }
    try {
        Loop::current().run_task(child_->wait(Deadline::after(kLinger)));
    } catch (const TimedOut&) {
        child_->kill(SIGTERM);
        Loop::current().run_task(child_->wait());
    }
    child_.reset();
}

// A source that is not there is a slip of the pen: it must not empty what has mail.
Result<void> SyncPlace::open_maildir(const User& user, Role role) {
    auto location = mail_location_of(words_.front(), user.name(), user.home());
    if (!location) {
        return fail_with(location);
    }
    struct stat status;
    if (role == Role::kSource && ::stat((location->root + "/cur").c_str(), &status) != 0) {
        return fail(Errc::kNotFound, location->root + " is no Maildir");
    }
    other_ = open_place(user, words_.front());
    replica_ = std::make_unique<LocalReplica>(*other_);
    return other_->prepare();
}

Task<Result<Replica*>> SyncPlace::open(User* user, Role role) {
    Result<void> ready;
    if (kind_ == Kind::kMaildir) {
        ready = open_maildir(*user, role);
    } else if (kind_ == Kind::kImap) {
        replica_ = std::make_unique<ImapReplica>(imap_account(settings_, user->name(), patience_));
    } else {
        auto remote = std::make_unique<RemoteReplica>(std::move(pipe_), patience_);
        ready = co_await remote->greet();
        replica_ = std::move(remote);
    }
    co_return ready ? Result<Replica*>(replica_.get()) : fail_with(ready);
}

void SyncPlace::close() {
    replica_.reset();
    if (other_) {
        other_->save_all();
    }
}

}  // namespace relais::doveadm
