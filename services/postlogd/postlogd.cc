// postlogd(8): writes what the mail system logs to maillog_file (or standard output).
//
// Every program sends one datagram per line, already with date, host and name; this daemon appends
// them in order.  It starts before everything else and must never make a sender wait for long:
// lines are taken in bursts and written with one call.  Without maillog_file, lines go to syslog.

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"
#include "lib/daemon/daemon.h"

using namespace relais;

namespace {

constexpr std::size_t kWriteAt = 65536;

UniqueFd open_log_file(const std::string& path) {
    if (!maillog_file_is_allowed()) {
        log_fatal("maillog_file '{}' does not match maillog_file_prefixes '{}'", path,
                  conf().maillog_file_prefixes());
    }
    if (path == "/dev/stdout") {
        return UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    }
    auto fd = open_file(path, O_WRONLY | O_APPEND | O_CREAT, maillog_file_mode());
    if (!fd) {
        log_fatal("{}", fd.error().message);
    }
    return std::move(*fd);
}

// "Mon DD HH:MM:SS host tag[pid]: text": the severity word in front of the text, if any.
struct Relog {
    Severity severity = Severity::kInfo;
    std::string_view text;
};

Relog split_line(std::string_view line) {
    constexpr int kTokens = 5;  // three of the date, the host, the name
    for (int i = 0; i < kTokens; ++i) {
        line = trim_left(line, " ");
        auto blank = line.find(' ');
        line = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
    }

    struct Word {
        std::string_view word;
        Severity severity;
    };

    constexpr Word kWords[] = {{"warning: ", Severity::kWarning},
                               {"error: ", Severity::kError},
                               {"fatal: ", Severity::kFatal},
                               {"panic: ", Severity::kPanic}};
    for (const auto& [word, severity] : kWords) {
        if (line.starts_with(word)) {
            return {severity, line.substr(word.size())};
        }
    }
    return {Severity::kInfo, line};
}

class Postlogd : public Daemon {
  public:
    void before_jail() override {
        // This process must not log through itself.
        LogOptions direct = log_options();
        direct.postlog_socket.clear();
        log_open(direct);
        if (!conf().maillog_file().empty()) {
            file_ = open_log_file(conf().maillog_file());
            Loop::current().before_sleep([this] { write_pending(); });
        }
    }

    std::chrono::seconds watchdog_timeout() const override {
        return conf().postlogd_watchdog_timeout();
    }

    void datagram(std::string_view line) override {
        if (!file_) {
            auto relog = split_line(line);
            log_line(relog.severity, relog.text);
            return;
        }
        pending_ += line;
        pending_ += '\n';
        if (pending_.size() >= kWriteAt) {
            write_pending();
        }
    }

    Task<void> shut_down() override {
        write_pending();
        co_return;
    }

  private:
    void write_pending() {
        if (pending_.empty()) {
            return;
        }
        if (auto written = write_all(file_.get(), pending_); !written) {
            log_warning("{}: {}", conf().maillog_file(), written.error().message);
        }
        pending_.clear();
    }

    UniqueFd file_;
    std::string pending_;
};

}  // namespace

// Its file is open.
constexpr SandboxTable kSandbox = {
    .files = {},
};

int main(int argc, char** argv) {
    DaemonTraits traits{.name = "postlogd",
                        .kind = ServiceKind::kDatagrams,
                        .limit = ProcessLimit::kOne,
                        .lifetime = Lifetime::kEndless};
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Postlogd>(); });
}
