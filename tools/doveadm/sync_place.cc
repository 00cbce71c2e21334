#include "tools/doveadm/sync_place.h"

#include <array>
#include <csignal>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/event/loop.h"
#include "lib/event/socket.h"
#include "lib/sasl/user_variables.h"
#include "lib/sync/doveadm_replica.h"
#include "lib/sync/imap_replica.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/remote_replica.h"

#include "tools/doveadm/raw_log.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

constexpr std::string_view kRemote = "remote";
constexpr std::string_view kRemotePrefix = "remoteprefix";
constexpr std::string_view kTcp = "tcp";
constexpr std::string_view kTcps = "tcps";
constexpr std::chrono::seconds kLinger{10};

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

// "remote:bob@host": "bob@host"; and so for a host alone.
std::string_view target_of(const std::string& word) {
    auto parts = split_first(word, ':');
    return parts ? parts->second : std::string_view(word);
}

bool is_local(std::string_view driver) {
    return driver == "maildir" || driver == "mbox" || driver == "sdbox" || driver == "mdbox";
}

// Where mailboxes of that format are.
std::string entry_of(const MailLocation& location) {
    switch (location.format) {
        case MailFormat::kMaildir:
            return location.root + "/cur";
        case MailFormat::kMbox:
            return location.root;
        case MailFormat::kSdbox:
        case MailFormat::kMdbox:
            break;
    }
    return location.root + "/mailboxes";
}

}  // namespace

Result<SyncPlace::Kind> SyncPlace::kind_of(const Words& words) {
    const std::string& first = words.front();
    if (words.size() > 1) {
        return Kind::kCommand;
    }
    bool path = first.starts_with('/') || first.starts_with('~') || first.starts_with('.');
    auto parts = split_first(first, ':');
    std::string_view driver = parts ? parts->first : path ? "maildir" : kRemote;
    if (is_local(driver)) {
        return Kind::kLocal;
    }
    if (driver == "imapc") {
        return Kind::kImap;
    }
    if (driver == kRemote || driver == kRemotePrefix) {
        return is_host(target_of(first))
                   ? Result<Kind>(Kind::kRemote)
                   : fail(Errc::kDenied, "No host: " + printable(target_of(first)));
    }
    if (driver == kTcp || driver == kTcps) {
        return is_host(target_of(first))
                   ? Result<Kind>(Kind::kServer)
                   : fail(Errc::kDenied, "No host: " + printable(target_of(first)));
    }
    return fail(Errc::kDenied, "Unknown mail storage driver " + printable(driver));
}

Result<SyncPlace> SyncPlace::parse(const Words& words, const Settings& settings, Talk talk) {
    auto kind = kind_of(words);
    return kind ? Result<SyncPlace>(SyncPlace(*kind, words, settings, std::move(talk)))
                : fail_with(kind);
}

std::string SyncPlace::title() const {
    std::string text = join(words_, " ");
    if (kind_ == Kind::kImap) {
        text += settings_.get("imapc_host") + " " + settings_.get("imapc_user");
    }
    return text;
}

Words SyncPlace::command_for(const std::string& user) const {
    if (kind_ == Kind::kCommand) {
        return words_;
    }
    std::string_view target = target_of(words_.front());
    auto parts = split_last(target, '@');
    std::string_view host = parts ? parts->second : target;
    if (std::string given = settings_.get("dsync_remote_cmd"); !given.empty()) {
        UserVariables variables(user);
        variables.set("login", parts ? parts->first : "");
        variables.set("host", host);
        Words command;
        for (std::string_view word : split_words(given)) {
            command.push_back(variables.expand(word));
        }
        return command;
    }
    Words command = {"ssh"};
    if (parts) {
        command.insert(command.end(), {"-l", std::string(parts->first)});
    }
    command.emplace_back(host);
    command.insert(command.end(), {"doveadm", "dsync-server", "-u", quoted_for_shell(user)});
    return command;
}

// A socket that only the caller may use; where that fails, so does opening, which tells.
void SyncPlace::connect_as_caller() {
    std::string path(target_of(words_.front()));
    if (path.starts_with('/')) {
        auto fd = Loop::current().run_task(connect_unix(path, Deadline::after(talk_.patience)));
        pipe_ = fd ? std::move(*fd) : UniqueFd();
    }
}

void SyncPlace::begin(const std::string& user) {
    if (kind_ == Kind::kServer) {
        connect_as_caller();
    }
    if (!is_remote()) {
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
    if (words_.front().starts_with(std::string(kRemotePrefix) + ":")) {
        (void)write_all(pipe_.get(), user + "\n");  // who is not there does not greet, either
    }
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
Result<void> SyncPlace::open_local(const User& user, Role role) {
    auto location = mail_location_of(words_.front(), user.name(), user.home());
    if (!location) {
        return fail_with(location);
    }
    bool maildir = location->format == MailFormat::kMaildir;
    struct stat status;
    if (role == Role::kSource && ::stat(entry_of(*location).c_str(), &status) != 0) {
        return fail(Errc::kNotFound,
                    location->root + (maildir ? " is no Maildir" : " has no mailboxes"));
    }
    other_ = open_place(user, words_.front());
    replica_ = std::make_unique<LocalReplica>(*other_);
    return other_->prepare();
}

Result<void> SyncPlace::open_imap(const User& user) {
    auto account = imap_account(settings_, user.name(), talk_.patience);
    if (!account) {
        return fail(Errc::kTemporary, account.error().message);
    }
    replica_ = std::make_unique<ImapReplica>(std::move(*account));
    return {};
}

Result<void> SyncPlace::open_server(const User& user) {
    const bool tls = words_.front().starts_with(std::string(kTcps) + ":");
    auto account = doveadm_account(settings_, std::string(target_of(words_.front())),
                                   tls ? ServerTlsUse::kYes : ServerTlsUse::kNo);
    if (!account) {
        return fail(Errc::kTemporary, account.error().message);
    }
    account->patience = talk_.patience;
    auto tell = [name = user.name(), address = account->address](std::string_view line) {
        print_error(name, format("remote({}): {}", address, printable(line)));
    };
    auto server = std::make_unique<DoveadmReplica>(std::move(*account), user.name(), tell);
    server->set_connection(std::move(pipe_));
    replica_ = std::move(server);
    return {};
}

Task<Result<void>> SyncPlace::open_remote() {
    int fd = pipe_.get();
    auto remote = std::make_unique<RemoteReplica>(std::move(pipe_), talk_.patience);
    if (!talk_.raw_log.empty()) {
        auto recorded = with_raw_log(plain_transport(fd), talk_.raw_log);
        if (!recorded) {
            co_return fail(Errc::kTemporary, recorded.error().message);
        }
        remote->set_transport(std::move(*recorded));
    }
    auto greeted = co_await remote->greet();
    replica_ = std::move(remote);
    co_return greeted;
}

Task<Result<Replica*>> SyncPlace::open(User* user, Role role) {
    Result<void> ready;
    if (kind_ == Kind::kLocal) {
        ready = open_local(*user, role);
    } else if (kind_ == Kind::kImap) {
        ready = open_imap(*user);
    } else if (kind_ == Kind::kServer) {
        ready = open_server(*user);
    } else {
        ready = co_await open_remote();
    }
    co_return ready ? Result<Replica*>(replica_.get()) : fail_with(ready);
}

void SyncPlace::close() {
    replica_.reset();
    if (other_) {
        other_->save_all();
    }
}

void tell_troubles(MailContext* context, const std::vector<SyncTrouble>& troubles) {
    for (const SyncTrouble& trouble : troubles) {
        context->fail(trouble.code == Errc::kTemporary ? kTemporary : kNotPossible, trouble.text);
    }
}

}  // namespace relais::doveadm
