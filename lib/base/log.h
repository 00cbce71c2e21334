// The log, in Postfix's form: "name[pid]: [severity: ]text" to syslog, or through postlogd
// (POSTLOG_SERVICE in the environment) to maillog_file, or to standard error.
// A log call never fails: lines that the log socket cannot take now wait in memory, a bounded
// number of them, and go out with the next call or log_flush().  When no more fit, the call waits
// for the reader; from one that takes nothing for a second on, lines are lost, which the log then
// tells.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/format.h"

namespace relais {

enum class Severity { kInfo, kWarning, kError, kFatal, kPanic };

struct LogOptions {
    std::string tag;                // "postfix/smtpd", or a command's name
    std::string facility = "mail";  // syslog_facility
    std::string postlog_socket;     // unix-dgram path of postlogd; empty: syslog
    std::string postlog_host;       // host name in lines for postlogd
    int fatal_status = 1;           // the exit status of log_fatal
    bool to_stderr = false;         // "name: text" on standard error as well (commands)
    std::string stderr_name;        // the name there; empty: the tag
    bool to_syslog = true;          // off: standard error only
};

// Opens the log.  Called once early (from the name and the environment) and again when the
// configuration is known.  The sockets are connected at once, so they survive a chroot.
void log_open(LogOptions options);
const LogOptions& log_options();

// Sends what waits; `wait_ms` bounds how long all of it may wait for a slow log reader.
void log_flush(int wait_ms = 0);

// The socket to the log reader, or -1: what a forked worker keeps open when it closes the rest.
[[nodiscard]] int log_descriptor();

void log_line(Severity severity, std::string_view text);

// Verbose logging: the -v options counted.
void set_log_verbose(int level);
int log_verbose();

template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
    log_line(Severity::kInfo, fmt::vformat(text, fmt::make_format_args(args...)));
}

template <class... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
    log_line(Severity::kWarning, fmt::vformat(text, fmt::make_format_args(args...)));
}

template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
    log_line(Severity::kError, fmt::vformat(text, fmt::make_format_args(args...)));
}

// Logs and exits with status 1; a daemon's master restarts it.
[[noreturn]] void exit_fatal(std::string_view text);
// A bug in Relais: logs and aborts.
[[noreturn]] void abort_panic(std::string_view text);

template <class... Args>
[[noreturn]] void log_fatal(fmt::format_string<Args...> text, Args&&... args) {
    exit_fatal(fmt::vformat(text, fmt::make_format_args(args...)));
}

template <class... Args>
[[noreturn]] void log_panic(fmt::format_string<Args...> text, Args&&... args) {
    abort_panic(fmt::vformat(text, fmt::make_format_args(args...)));
}

}  // namespace relais
