// doveadm log find, reopen, errors, test: where the log is, and what went wrong lately.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"
#include "lib/daemon/sandbox.h"
#include "lib/sasl/password.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/master.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// Besides the log, whose lines hold what strangers said.
constexpr SandboxTable kSandbox = {
    .files = {},
};

constexpr std::size_t kTail = std::size_t{8} << 20;
constexpr std::array<std::string_view, 5> kLevels = {"Debug", "Info", "Warning", "Error", "Fatal"};

// The end of a file, from a line's begin on.
std::string tail_of(const std::string& path, std::size_t most) {
    auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
    struct stat status{};
    if (!fd || ::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return "";
    }
    auto size = static_cast<std::size_t>(status.st_size);
    if (size > most) {
        ::lseek(fd->get(), status.st_size - static_cast<off_t>(most), SEEK_SET);
    }
    auto text = read_all(fd->get(), most + (std::size_t{1} << 20));
    if (!text) {
        return "";
    }
    return size > most ? text->substr(std::min(text->find('\n'), text->size() - 1) + 1) : *text;
}

// The file below `directory` in which the line with `token` has arrived.
std::string find_line(const std::string& directory, const std::string& token) {
    auto names = list_directory(directory);
    if (!names) {
        end_with(kTemporary, names.error().message);
    }
    std::ranges::sort(*names);
    for (const std::string& name : *names) {
        std::string path = format("{}/{}", directory, name);
        if (tail_of(path, std::size_t{256} << 10).find(token) != std::string::npos) {
            return path;
        }
    }
    return "Not found";
}

void write_test_lines(const std::string& token) {
    open_log("doveadm", LogStderr::kNo);
    log_info("This is doveadm's info log {}", token);
    log_warning("This is doveadm's warning log {}", token);
    log_error("This is doveadm's error log {}", token);
    log_flush(1000);
}

struct LoggedError {
    std::string time;
    std::int64_t when = 0;  // the same, in seconds since 1970
    std::string kind;
    std::string text;
};

// Of "Nov 30 06:10:52", which is of the last twelve months, or "2026-11-30T06:10:52..."; 0 where it
// is neither.
std::int64_t moment_of(const std::string& stamp) {
    std::tm parts{};
    std::time_t now = std::time(nullptr);
    bool iso = ::strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) != nullptr;
    if (!iso) {
        ::localtime_r(&now, &parts);
        if (::strptime(stamp.c_str(), "%b %d %H:%M:%S", &parts) == nullptr) {
            return 0;
        }
    }
    parts.tm_isdst = -1;
    std::time_t when = std::mktime(&parts);
    constexpr std::time_t kDay = 86400;
    if (!iso && when > now + kDay) {
        --parts.tm_year;
        when = std::mktime(&parts);
    }
    return when;
}

// "Nov 30 06:10:52 host postfix/imap[123]: error: text"
std::optional<LoggedError> parse_line(std::string_view line) {
    constexpr std::size_t kStamp = 15;
    constexpr std::array<std::string_view, 4> kKinds = {
        "warning: ", "error: ", "fatal: ", "panic: "};
    auto colon = line.find("]: ");
    auto space = line.substr(0, colon).rfind(' ');
    if (line.size() < kStamp || colon == std::string_view::npos ||
        space == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view rest = line.substr(colon + 3);
    for (std::string_view kind : kKinds) {
        if (rest.starts_with(kind)) {
            std::string name(kind.substr(0, kind.size() - 2));
            name[0] = to_upper(name[0]);
            std::string who(line.substr(space + 1, line.find('[', space) - space - 1));
            bool iso = is_digit(line[0]);
            std::string_view stamp = iso ? line.substr(0, line.find(' ')) : line.substr(0, kStamp);
            return LoggedError{std::string(stamp), moment_of(std::string(stamp)), name,
                               who + ": " + std::string(rest.substr(kind.size()))};
        }
    }
    return std::nullopt;
}

}  // namespace

int cmd_log_find(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(1);
    std::string path = conf().maillog_file();
    if (path.empty()) {
        std::string directory = options.rest().empty() ? "/var/log" : options.rest()[0];
        std::fprintf(stderr, "Looking for log files from %s\n", directory.c_str());
        std::string token = hex_encode(random_secret(8));
        write_test_lines(token);
        ::usleep(500'000);
        path = find_line(directory, token);
    }
    for (std::string_view level : kLevels) {
        std::puts(format("{}: {}", level, path).c_str());
    }
    return kOk;
}

int cmd_log_reopen(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    reload_master();
    return kOk;
}

int cmd_log_test(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    write_test_lines("(doveadm log test)");
    return kOk;
}

int cmd_log_errors(const Command& command, Words words, const Globals& /*globals*/) {
    constexpr std::size_t kMost = 1000;  // as many as Dovecot's log process remembers
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    std::int64_t since = parse_int(options.get('s')).value_or(0);
    std::string path = conf().maillog_file();
    if (path.empty()) {
        end_with(kTemporary, "the errors are in the system's log: see doveadm log find");
    }
    const KnownPlace log{Access::kRead, path};
    enter_sandbox(kSandbox, {&log, 1});
    std::vector<LoggedError> errors;
    std::string text = tail_of(path, kTail);
    for (std::string_view line : split_fields(text, '\n')) {
        if (auto error = parse_line(line); error && error->when >= since) {
            errors.push_back(std::move(*error));
        }
    }
    std::size_t first = errors.size() > kMost ? errors.size() - kMost : 0;
    for (std::size_t i = first; i < errors.size(); ++i) {
        std::puts(format("{} {}: {}", errors[i].time, errors[i].kind, errors[i].text).c_str());
    }
    return kOk;
}

}  // namespace relais::doveadm
