#include "lib/access/worker.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/access/session_table.h"
#include "lib/access/user_sandbox.h"
#include "lib/access/watcher.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/event/signals.h"
#include "lib/event/task_group.h"
#include "lib/ipc/session_handoff.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kLook{1};  // how often an idle worker looks at the clock

Result<SessionStart> parse_start(const Attributes& attributes) {
    AttrReader reader(attributes);
    SessionStart start;
    start.tag = reader.string("tag");
    start.input = reader.data("input");
    start.remote_address = reader.string("remote_address");
    start.secured = reader.number("secured") != 0;
    if (reader.failed()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return start;
}

// True for "/a/b" in "/a" and "/a/b", and for nothing that climbs.
bool lies_within(std::string_view path, std::string_view directory) {
    directory = trim_right(directory, "/");
    std::string_view rest = path.starts_with(directory) ? path.substr(directory.size()) : "x";
    auto parts = split_fields(path, '/');
    return path.starts_with('/') && (rest.empty() || rest.starts_with('/')) &&
           std::ranges::find(parts, "..") == parts.end();
}

class Worker {
  public:
    // `questions` is the socket of those who ask who is logged in.
    Worker(UniqueFd control, UniqueFd questions, const WorkerIdentity& identity,
           const SessionService& service)
        : service_(service),
          control_(std::move(control)),
          questions_(std::move(questions)),
          table_(identity.user, service.name),
          user_(identity.user, identity.home,
                identity.mail.empty() ? conf().imap_mail_location() : identity.mail,
                identity.quota_rules, identity.acl_groups) {}

    Task<void> run() {
        SignalWatch ends(SIGTERM, [this] { end(); });
        ready_ = user_.prepare();
        if (!ready_) {
            log_warning("user {}: {}", printable(user_.name()), ready_.error().message);
        }
        beside_.spawn(read_directory_events());
        beside_.spawn(user_.keep_house());
        if (questions_.get() >= 0) {
            beside_.spawn(table_.serve(std::move(questions_)));
        }
        co_await user_.quota_changed();  // what it is now, to compare with
        control_.set_timeout(kLook);
        bool open = true;
        while (open) {
            open = co_await take_connection();
        }
        co_await sessions_.join();
        co_await beside_.close();
        co_await user_.close();
        user_.save_all();
    }

  private:
    // The server stops: the clients are told, and nobody comes any more.
    void end() {
        ends_ = true;
        sessions_.cancel();
        ::shutdown(control_.fd(), SHUT_RDWR);
    }

    // False when no more will come.
    Task<bool> take_connection() {
        try {
            UniqueFd fd = co_await control_.receive_fd();
            auto list = co_await read_attributes(&control_);
            if (ends_) {
                co_return false;  // it lay in the socket already
            }
            if (list && list->size() == 1 && list->front().first == "end") {
                control_.write(handoff_answer(HandoffStatus::kTaken, ""));
                co_await control_.flush();
                sessions_.cancel();
                co_return false;
            }
            auto start = list ? parse_start(*list) : fail_with(list);
            if (!start) {
                log_warning("malformed hand-over: {}", start.error().message);
                co_return false;
            }
            bool full = sessions_.size() >= static_cast<std::size_t>(service_.session_limit);
            control_.write(handoff_answer(full ? HandoffStatus::kTooMany : HandoffStatus::kTaken,
                                          full ? "Too many connections" : ""));
            co_await control_.flush();
            if (!full) {
                sessions_.spawn(serve(std::move(fd), std::move(*start)));
            }
            idle_since_ = std::chrono::steady_clock::now();
        } catch (const TimedOut&) {
            if (sessions_.size() > 0) {
                idle_since_ = std::chrono::steady_clock::now();
            }
            co_return std::chrono::steady_clock::now() - idle_since_ < service_.idle_time;
        } catch (const IoError&) {
            co_return false;  // the service is gone; the sessions go on
        }
        co_return true;
    }

    Task<void> serve(UniqueFd fd, SessionStart start) {
        Stream stream(std::move(fd));
        if (!ready_) {
            stream.write(service_.sorry(start));
            co_await stream.flush();
            co_return;
        }
        SessionRecord record(table_, start.remote_address, start.secured);
        stream.set_transport(record.wire(stream.fd()));
        start.record = &record;
        co_await record.run(service_.serve(&user_, &stream, std::move(start)));
    }

    const SessionService& service_;
    Stream control_;
    bool ends_ = false;
    UniqueFd questions_;
    SessionTable table_;
    User user_;
    Result<void> ready_;
    TaskGroup sessions_;
    TaskGroup beside_;
    SteadyTime idle_since_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<void> check_mail_places(const WorkerIdentity& identity) {
    auto places = split_words(conf().imap_home_prefixes(), ", \t\r\n");
    std::string_view location =
        identity.mail.empty() ? std::string_view(conf().imap_mail_location()) : identity.mail;
    auto mail = mail_location_of(location, identity.user, identity.home);
    if (!mail) {
        return fail_with(mail);
    }
    if (mail->format != MailFormat::kMaildir && mail->format != MailFormat::kMbox) {
        return fail(Errc::kSyntax, "sdbox and mdbox are read by doveadm import only");
    }
    for (const std::string& path :
         {identity.home, mail->root, mail->inbox, mail->index, mail->control, mail->own_flags}) {
        bool inside = std::ranges::any_of(
            places, [&](std::string_view place) { return lies_within(path, place); });
        if (!places.empty() && !path.empty() && !inside) {
            return fail(Errc::kDenied,
                        format("{} is not within imap_home_prefixes", printable(path)));
        }
    }
    return {};
}

Result<void> become_user(const WorkerIdentity& identity) {
    if (!can_change_identity()) {
        return {};
    }
    auto uid = static_cast<uid_t>(identity.uid);
    auto gid = static_cast<gid_t>(identity.gid);
    if (::setgroups(1, &gid) != 0 || ::setresgid(gid, gid, gid) != 0 ||
        ::setresuid(uid, uid, uid) != 0) {
        return fail_errno("take on the identity");
    }
    return {};
}

Result<void> check_worker_identity(const WorkerIdentity& identity) {
    if (!can_change_identity()) {
        return {};
    }
    if (identity.uid < std::max(conf().imap_minimum_uid(), 1)) {
        return fail(Errc::kDenied, format("uid {} is below imap_minimum_uid", identity.uid));
    }
    if (identity.gid < std::max(conf().imap_minimum_gid(), 1)) {
        return fail(Errc::kDenied, format("gid {} is below imap_minimum_gid", identity.gid));
    }
    auto owner = user_ids(conf().mail_owner());
    if (!owner) {
        return fail_with(owner);
    }
    const group* drop = ::getgrnam(conf().setgid_group().c_str());
    if (identity.uid == owner->uid || identity.gid == owner->gid ||
        (drop != nullptr && identity.gid == drop->gr_gid)) {
        return fail(Errc::kDenied, format("uid {} or gid {} is the mail system's own", identity.uid,
                                          identity.gid));
    }
    return check_mail_places(identity);
}

std::string serialize_start(const SessionStart& start) {
    return AttrWriter()
        .string("tag", start.tag)
        .data("input", start.input)
        .string("remote_address", start.remote_address)
        .number("secured", start.secured ? 1 : 0)
        .end()
        .take();
}

std::string serialize_end() {
    return AttrWriter().number("end", 1).end().take();
}

void run_worker(UniqueFd control, const WorkerIdentity& identity, const SessionService& service) {
    auto questions = make_session_socket(service.name);
    if (!questions) {
        log_warning("nobody can ask for the sessions of {}: {}", printable(identity.user),
                    questions.error().message);
    }
    auto done = become_user(identity);
    if (!done) {
        log_warning("user {}: {}", printable(identity.user), done.error().message);
        log_flush(1000);
        ::_exit(1);
    }
    if (::chdir(identity.home.c_str()) != 0 && ::chdir("/") != 0) {
        ::_exit(1);
    }
    enter_user_sandbox();
    Loop::current().after_fork();
    {
        Worker worker(std::move(control), questions ? std::move(*questions) : UniqueFd(), identity,
                      service);
        Loop::current().run_task(worker.run());
    }
    log_flush(1000);
    // Not exit(): what was set up before the fork belongs to the parent.
    ::_exit(0);
}

Task<void> serve_preauthenticated(UniqueFd fd, WorkerIdentity identity, SessionService service) {
    User user(identity.user, identity.home, conf().imap_mail_location());
    auto ready = user.prepare();
    if (!ready) {
        log_warning("{}", ready.error().message);
        co_return;
    }
    Stream stream(std::move(fd));
    TaskGroup beside;
    beside.spawn(read_directory_events());
    beside.spawn(user.keep_house());
    co_await service.serve(&user, &stream, SessionStart());
    co_await beside.close();
    co_await user.close();
    user.save_all();
}

WorkerIdentity own_identity() {
    auto variable = [](const char* name, const char* fallback) {
        const char* value = ::getenv(name);
        return std::string(value == nullptr ? fallback : value);
    };
    WorkerIdentity identity;
    identity.user = variable("USER", "unknown");
    identity.home = variable("HOME", ".");
    return identity;
}

}  // namespace relais
