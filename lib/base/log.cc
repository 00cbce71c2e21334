#include "lib/base/log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/base/fixed_text.h"
#include "lib/base/log_backlog.h"
#include "lib/base/log_fallback.h"
#include "lib/base/log_name.h"
#include "lib/base/log_text.h"
#include "lib/base/log_urgent.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"

namespace relais {

namespace {

constexpr std::size_t kMaxText = 2000;     // longer text is cut, as Postfix cuts it
constexpr std::size_t kMaxWaiting = 4096;  // lines kept while the log reader is slow or away
constexpr int kPatienceOfHandlers = 200;   // the same, where a signal handler waits
constexpr int kPatience = 1000;            // milliseconds for a reader that takes nothing
constexpr const char* kSyslogSocket = "/dev/log";

struct FacilityName {
    const char* name;
    int code;
};

constexpr std::array kFacilities = {
    FacilityName{"auth", LOG_AUTH},     FacilityName{"authpriv", LOG_AUTHPRIV},
    FacilityName{"cron", LOG_CRON},     FacilityName{"daemon", LOG_DAEMON},
    FacilityName{"ftp", LOG_FTP},       FacilityName{"kern", LOG_KERN},
    FacilityName{"lpr", LOG_LPR},       FacilityName{"mail", LOG_MAIL},
    FacilityName{"news", LOG_NEWS},     FacilityName{"syslog", LOG_SYSLOG},
    FacilityName{"user", LOG_USER},     FacilityName{"uucp", LOG_UUCP},
    FacilityName{"local0", LOG_LOCAL0}, FacilityName{"local1", LOG_LOCAL1},
    FacilityName{"local2", LOG_LOCAL2}, FacilityName{"local3", LOG_LOCAL3},
    FacilityName{"local4", LOG_LOCAL4}, FacilityName{"local5", LOG_LOCAL5},
    FacilityName{"local6", LOG_LOCAL6}, FacilityName{"local7", LOG_LOCAL7},
};

int facility_code(std::string_view name) {
    for (const auto& facility : kFacilities) {
        if (name == facility.name) {
            return facility.code;
        }
    }
    return LOG_MAIL;
}

struct SeverityName {
    int priority;
    std::string_view word;
};

SeverityName severity_name(Severity severity) {
    switch (severity) {
        case Severity::kInfo:
            return {LOG_INFO, ""};
        case Severity::kWarning:
            return {LOG_WARNING, "warning: "};
        case Severity::kError:
            return {LOG_ERR, "error: "};
        case Severity::kFatal:
            return {LOG_CRIT, "fatal: "};
        case Severity::kPanic:
            return {LOG_CRIT, "panic: "};
    }
    return {LOG_INFO, ""};
}

long east_of_greenwich = 0;  // seconds, when last looked at: a signal handler cannot

// "Nov 30 20:53:15", put together once a second.
class LogClock {
  public:
    const std::string& text() {
        const std::time_t now = std::time(nullptr);
        if (now != at_) {
            at_ = now;
            text_ = in_words(now);
        }
        return text_;
    }

  private:
    static std::string in_words(std::time_t time) {
        std::array<char, 32> text{};
        std::tm local{};
        ::localtime_r(&time, &local);
        east_of_greenwich = local.tm_gmtoff;
        std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &local);
        return text.data();
    }

    std::time_t at_ = -1;
    std::string text_;
};

using UrgentLine = FixedText<512>;

// As LogClock, by arithmetic alone.
void put_timestamp(UrgentLine& line) {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::chrono::sys_seconds local(std::chrono::seconds(now.tv_sec + east_of_greenwich));
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(local - day);
    line << kMonths.substr(std::size_t{3} * (static_cast<unsigned>(date.month()) - 1), 3) << " ";
    line.number(static_cast<unsigned>(date.day()), 2) << " ";
    line.number(time.hours().count(), 2, '0') << ":";
    line.number(time.minutes().count(), 2, '0') << ":";
    line.number(time.seconds().count(), 2, '0') << " ";
}

// One datagram socket to the log reader, and the lines that wait for it.
class LogSocket {
  public:
    void open(LogOptions options) {
        options_ = std::move(options);
        socket_.reset();
        connect();
    }

    const LogOptions& options() const { return options_; }

    int descriptor() const { return socket_.get(); }

    std::size_t waiting() const { return waiting_.size(); }

    // Under another name than the tag, where one is given.
    void log(Severity severity, std::string_view text, std::string_view tag = {}) {
        auto name = severity_name(severity);
        std::string clean = printable(text.substr(0, kMaxText), '?', shown_);
        if (options_.to_stderr || !options_.to_syslog) {
            print(name.word, clean);
        }
        if (!options_.to_syslog) {
            return;
        }
        make_room();
        waiting_.push_back({severity, clock_.text(), std::move(clean), std::string(tag)});
        flush(0);
    }

    void urgent(std::string_view text) const noexcept {
        const int error = errno;
        if (options_.to_stderr || !options_.to_syslog) {
            print_urgent(text);
        }
        UrgentLine line;
        if (uses_postlogd()) {
            put_timestamp(line);
            line << options_.postlog_host << " ";
        } else {
            line << "<";
            line.number(facility_code(options_.facility) | LOG_WARNING) << ">";
            put_timestamp(line);
        }
        line << options_.tag << "[";
        line.number(::getpid()) << "]: " << severity_name(Severity::kWarning).word;
        line.printable(text);
        const std::string_view whole = line.view();
        constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
        if (::send(socket_.get(), whole.data(), whole.size(), kFlags) < 0 && errno == EAGAIN) {
            pollfd room{socket_.get(), POLLOUT, 0};
            ::poll(&room, 1, kPatienceOfHandlers);
            ::send(socket_.get(), whole.data(), whole.size(), kFlags);
        }
        errno = error;
    }

    void show_utf8(Utf8 shown) { shown_ = shown; }

    void fall_back_to(std::string path, unsigned mode) {
        fallback_ = std::move(path);
        fallback_mode_ = mode;
    }

    void expect_postlogd(bool expected) {
        flush(0);
        expects_postlogd_ = expected;
        socket_.reset();
    }

    void flush(int wait_ms) {
        std::optional<std::chrono::steady_clock::time_point> until;
        bool reconnected = false;
        while (!waiting_.empty()) {
            if (!socket_ && !connect()) {
                fall_back();
                return;
            }
            const std::string line = frame(waiting_.front());
            if (::send(socket_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
                errno == EMSGSIZE) {
                waiting_.pop_front();
                reader_hangs_ = false;
            } else if (errno == EAGAIN || errno == ENOBUFS) {
                if (wait_ms == 0) {
                    return;
                }
                const auto now = std::chrono::steady_clock::now();
                until = until.value_or(now + std::chrono::milliseconds(wait_ms));
                if (!writable(*until - now)) {
                    return;
                }
            } else if (errno != EINTR) {
                // The reader was restarted: one fresh connection, then wait for the next call.
                if (reconnected) {
                    fall_back();
                    return;
                }
                reconnected = true;
                socket_.reset();
            }
        }
    }

  private:
    // As it was said; who reads it, and so its form, is only known when it goes out.
    struct Line {
        Severity severity;
        std::string when;
        std::string text;
        std::string tag{};  // empty: that of the program
    };

    // A burst waits for the reader.  One that takes no line for so long hangs: what does not fit is
    // lost then, and the log says so when it is read again.
    void make_room() {
        if (waiting_.size() >= kMaxWaiting && !reader_hangs_) {
            flush(kPatience);
            reader_hangs_ = waiting_.size() >= kMaxWaiting;
        }
        if (waiting_.size() >= kMaxWaiting) {
            waiting_.pop_front();
            ++lost_;
        } else if (lost_ > 0) {
            auto text = format("the log was not read for a while: {} lines are lost", lost_);
            waiting_.push_back({Severity::kWarning, clock_.text(), std::move(text)});
            lost_ = 0;
        }
    }

    bool uses_postlogd() const { return !options_.postlog_socket.empty(); }

    bool writable(std::chrono::steady_clock::duration wait) const {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
        pollfd room{socket_.get(), POLLOUT, 0};
        return left > 0 && ::poll(&room, 1, static_cast<int>(left)) > 0;
    }

    bool connect() {
        if (uses_postlogd() && !expects_postlogd_) {
            return false;
        }
        const std::string path = uses_postlogd() ? options_.postlog_socket : kSyslogSocket;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) {
            return false;
        }
        path.copy(address.sun_path, path.size());
        UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!fd ||
            ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            return false;
        }
        socket_ = std::move(fd);
        return true;
    }

    // Writes what waits into the file that postlogd would write.
    void fall_back() {
        if (!uses_postlogd() || fallback_.empty()) {
            return;
        }
        UniqueFd file(::open(fallback_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                             static_cast<mode_t>(fallback_mode_)));
        while (file && !waiting_.empty()) {
            const std::string line = frame(waiting_.front()) + "\n";
            if (::write(file.get(), line.data(), line.size()) < 0) {
                return;
            }
            waiting_.pop_front();
        }
    }

    std::string frame(const Line& line) const {
        const auto name = severity_name(line.severity);
        const std::string& tag = line.tag.empty() ? options_.tag : line.tag;
        if (uses_postlogd()) {
            return format("{} {} {}[{}]: {}{}", line.when, options_.postlog_host, tag, ::getpid(),
                          name.word, line.text);
        }
        return format("<{}>{} {}[{}]: {}{}", facility_code(options_.facility) | name.priority,
                      line.when, tag, ::getpid(), name.word, line.text);
    }

    void print(std::string_view word, const std::string& text) const {
        const auto& name = options_.stderr_name.empty() ? options_.tag : options_.stderr_name;
        std::string line = format("{}: {}{}\n", name, word, text);
        ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
        static_cast<void>(ignored);
    }

    void print_urgent(std::string_view text) const noexcept {
        UrgentLine line;
        line << (options_.stderr_name.empty() ? options_.tag : options_.stderr_name) << ": "
             << severity_name(Severity::kWarning).word;
        line.printable(text);
        FixedText<UrgentLine::kCapacity + 1> ended;  // whatever the line has lost
        ended << line.view() << "\n";
        ssize_t ignored = ::write(STDERR_FILENO, ended.view().data(), ended.view().size());
        static_cast<void>(ignored);
    }

    LogOptions options_;
    LogClock clock_;
    UniqueFd socket_;
    std::deque<Line> waiting_;
    std::string fallback_;
    unsigned fallback_mode_ = 0600;
    Utf8 shown_ = Utf8::kYes;
    bool expects_postlogd_ = true;
    bool reader_hangs_ = false;
    std::size_t lost_ = 0;
};

LogSocket& log_socket() {
    static LogSocket socket;
    return socket;
}

int verbose_level = 0;

}  // namespace

void log_open(LogOptions options) {
    log_socket().open(std::move(options));
}

const LogOptions& log_options() {
    return log_socket().options();
}

void log_fall_back_to(std::string path, unsigned mode) {
    log_socket().fall_back_to(std::move(path), mode);
}

void log_show_utf8(Utf8 shown) {
    log_socket().show_utf8(shown);
}

void log_expect_postlogd(bool expected) {
    log_socket().expect_postlogd(expected);
}

void log_flush(int wait_ms) {
    log_socket().flush(wait_ms);
}

std::size_t log_waiting() {
    return log_socket().waiting();
}

int log_descriptor() {
    return log_socket().descriptor();
}

void log_line(Severity severity, std::string_view text) {
    log_socket().log(severity, text);
}

void log_urgent(std::string_view text) noexcept {
    log_socket().urgent(text);
}

void log_line_as(std::string_view name, Severity severity, std::string_view text) {
    log_socket().log(severity, text, name);
}

void set_log_verbose(int level) {
    verbose_level = level;
}

int log_verbose() {
    return verbose_level;
}

void exit_fatal(std::string_view text) {
    log_line(Severity::kFatal, text);
    log_flush(1000);
    std::exit(log_options().fatal_status);
}

void abort_panic(std::string_view text) {
    log_line(Severity::kPanic, text);
    log_flush(1000);
    std::abort();
}

}  // namespace relais
