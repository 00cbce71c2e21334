#include "lib/deliver/command.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/environment.h"
#include "lib/config/utf8_mode.h"
#include "lib/event/child.h"
#include "lib/event/socket.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr std::size_t kMaxOutput = 4096;                   // what is kept of it
constexpr std::size_t kMuchOutput = std::size_t{1} << 20;  // nobody listens beyond that
constexpr std::string_view kSearchPath = "/usr/bin:/bin";
// A command line of these bytes only means the same to a shell as to a split at blanks.
constexpr std::string_view kNoShellNeeded =
    "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \t";

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

Pipe make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        throw IoError("cannot make a pipe", errno);
    }
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::optional<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        return name;
    }
    for (std::string_view directory : split_fields(kSearchPath, ':')) {
        std::string path = std::string(directory) + "/" + name;
        if (::access(path.c_str(), X_OK) == 0) {
            return path;
        }
    }
    return std::nullopt;
}

std::vector<std::string> words_of(std::string_view text) {
    auto words = split_words(text, " \t");
    return {words.begin(), words.end()};
}

// Which program is run, and by which words; programs tell argv[0] in what they say.
void set_program(const CommandSpec& spec, ChildSpec& child) {
    if (!spec.argv.empty()) {
        child.argv = spec.argv;
        return;
    }
    if (!spec.shell.empty()) {
        child.argv = words_of(spec.shell);
        child.argv.push_back(spec.command);
        return;
    }
    bool plain = spec.command.find_first_not_of(kNoShellNeeded) == std::string::npos;
    child.argv = plain ? words_of(spec.command) : std::vector<std::string>();
    auto program = child.argv.empty() ? std::nullopt : find_program(child.argv[0]);
    if (program) {
        child.program = *program;
        return;
    }
    // Not in the path: perhaps something that the shell has built in.
    child.program = "/bin/sh";
    child.argv = {"sh", "-c", spec.command};
}

// How far a delivery has come, and what it was still at when its time was over.
struct Progress {
    bool fed = false;
    bool heard = false;
    std::string_view late_for;

    void note_end_of_time() {
        late_for = !fed     ? "pipe_command_write: write time limit exceeded"
                   : !heard ? "pipe_command_read: read time limit exceeded"
                            : "pipe_command_wait_or_kill: child wait time limit exceeded";
    }
};

// Writes the message into the pipe.  A command that reads only a part of it is well.
Task<void> feed(Delivery* delivery, MessageCopy copy, UniqueFd pipe, Progress* progress) {
    MessageStream message(delivery->file(), delivery->request.data_offset, std::move(copy));
    Stream stream(std::move(pipe));
    stream.set_timeout(std::chrono::hours(24 * 365));
    std::string portion;
    for (bool more = true; more;) {
        auto got = message.read(portion);
        if (!got) {
            delivery->note_unread(got.error());
            break;
        }
        more = *got;
        stream.write(portion);
        portion.clear();
        try {
            co_await stream.flush();
        } catch (const IoError&) {
            break;
        }
    }
    progress->fed = true;
}

// Everything that the command prints, though no more than kMaxOutput of it is kept.
Task<void> collect(UniqueFd pipe, Deadline deadline, CommandResult* result) {
    Stream stream(std::move(pipe));
    stream.set_timeout(std::chrono::hours(24 * 365));
    stream.set_deadline(deadline);
    stream.set_pipe();
    std::size_t heard = 0;
    while (co_await stream.fill()) {
        std::string_view more = stream.buffered();
        result->output += more.substr(0, kMaxOutput - result->output.size());
        heard += more.size();
        stream.consume(more.size());
        if (heard > kMuchOutput) {
            result->cut_off = true;
            co_return;
        }
    }
}

// Waits for the end of the command.
Task<CommandResult> watch(Child* child, UniqueFd output, Deadline deadline, Progress* progress) {
    CommandResult result;
    bool late = false;
    try {
        co_await collect(std::move(output), deadline, &result);
        progress->heard = true;
        ChildStatus status = co_await child->wait(deadline);
        result.end = status.signal != 0 ? CommandEnd::kKilled : CommandEnd::kExited;
        result.number = status.signal != 0 ? status.signal : status.exit_status;
    } catch (const TimedOut&) {
        late = true;
    }
    if (late) {
        result.end = CommandEnd::kTooLate;
        progress->note_end_of_time();
        child->kill_group(SIGKILL);
        child->kill(SIGKILL);
        co_await child->wait();
    }
    co_return result;
}

// What is odd about the way in which the command ended.
void log_trouble(const CommandSpec& spec, const CommandResult& result, const Progress& progress) {
    if (result.cut_off) {
        log_warning("command {}: more than {} bytes of output, which are not read",
                    printable(spec.command), kMuchOutput);
    }
    if (result.end == CommandEnd::kTooLate) {
        log_warning("{}", progress.late_for);
    }
}

ChildSpec child_spec(const CommandSpec& spec) {
    ChildSpec child;
    set_program(spec, child);
    child.environment = spec.environment;
    child.environment.push_back(format("PATH={}", kSearchPath));
    child.root = spec.root;
    child.directory = spec.directory;
    child.own_group = true;
    child.reports_failure = true;
    if (spec.user) {
        child.uid = spec.user->uid;
        child.gid = spec.user->gid;
    }
    return child;
}

struct ExitText {
    int status;
    DsnCode code;
    std::string_view text;
};

constexpr std::array<ExitText, 15> kExitTexts = {{
    {64, {5, 3, 0}, "command line usage error"},
    {65, {5, 6, 0}, "data format error"},
    {66, {5, 3, 0}, "cannot open input"},
    {67, {5, 1, 1}, "user unknown"},
    {68, {5, 1, 2}, "host name unknown"},
    {69, {5, 3, 0}, "service unavailable"},
    {70, {5, 3, 0}, "internal software error"},
    {71, {4, 3, 0}, "system resource problem"},
    {72, {5, 3, 0}, "critical OS file missing"},
    {73, {5, 2, 0}, "can't create user output file"},
    {74, {5, 3, 0}, "input/output error"},
    {75, {4, 3, 0}, "temporary failure"},
    {76, {5, 5, 0}, "remote error in protocol"},
    {77, {5, 7, 0}, "permission denied"},
    {78, {5, 3, 5}, "local configuration error"},
}};

const ExitText* exit_text(int status) {
    for (const ExitText& entry : kExitTexts) {
        if (entry.status == status) {
            return &entry;
        }
    }
    return nullptr;
}

DeliveryStatus with_diagnostic(DsnCode code, std::string reason, std::string diagnostic) {
    DeliveryStatus status = DeliveryStatus::of(code, std::move(reason));
    status.diag_type = "x-unix";
    status.diag_text = std::move(diagnostic);
    return status;
}

// One line for the log: what the command printed.
std::string clean(std::string_view output) {
    std::string text(output);
    for (char& c : text) {
        c = c == '\t' || c == '\n' ? ' ' : c;
    }
    return printable(text, '_', utf8_mode());
}

DeliveryStatus exit_status(const std::string& command, int number, const std::string& output,
                           const std::string& appended) {
    auto own = DsnCode::parse_prefix(output);
    if (own) {
        if (own->success()) {
            log_warning("bounce_append: ignoring dsn code \"{}\"", own->to_string());
            own = DsnCode(5, 0, 0);
        }
        std::string text = split_dsn(output, *own).text;
        std::string diagnostic = text;
        return with_diagnostic(*own, std::move(text), std::move(diagnostic));
    }
    const ExitText* known = exit_text(number);
    std::string diagnostic = output;
    if (diagnostic.empty()) {
        diagnostic = known != nullptr ? std::string(known->text)
                                      : format("unknown mail system error {}", number);
    }
    if (known != nullptr) {
        return with_diagnostic(known->code, std::string(known->text) + appended,
                               std::move(diagnostic));
    }
    return with_diagnostic(
        DsnCode(5, 3, 0),
        format("Command died with status {}: \"{}\"{}", number, command, appended),
        std::move(diagnostic));
}

}  // namespace

DeliveryStatus command_status(const std::string& command, const CommandResult& result) {
    std::string output = clean(result.output);
    std::string appended = output.empty() ? "" : ". Command output: " + output;
    if (result.end == CommandEnd::kExited && result.number == 0) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), std::string(trim(output)));
    }
    if (result.end == CommandEnd::kExited) {
        return exit_status(command, result.number, output, appended);
    }
    std::string diagnostic = output.empty() ? "internal software error" : output;
    if (result.end == CommandEnd::kTooLate) {
        return with_diagnostic(DsnCode(5, 3, 0),
                               format("Command time limit exceeded: \"{}\"{}", command, appended),
                               std::move(diagnostic));
    }
    // Whom nobody listens to any more will not do better the next time.
    bool choked = result.cut_off && result.number == SIGPIPE;
    return with_diagnostic(
        DsnCode(choked ? 5 : 4, 3, 0),
        format("Command died with signal {}: \"{}\"{}", result.number, command, appended),
        std::move(diagnostic));
}

// The program could not be run.  Perhaps its file system is not mounted: worth another try, with
// the words that Postfix's child process has for it.
static DeliveryStatus not_started(const CommandSpec& spec, const Error& error) {
    // What goes wrong before the program's turn is only in the log.
    bool program = error.message.starts_with("execvp ");
    std::string_view where = program && !spec.argv.empty() ? "pipe_command: " : "";
    std::string text = format("{}{}", where, error.message);
    log_line(Severity::kFatal, text);
    std::string said =
        program ? format("{}: fatal: {}\n", program_invocation_short_name, text) : "";
    return command_status(spec.command, {CommandEnd::kExited, 75, std::move(said)});
}

static DeliveryStatus outcome(const Delivery& delivery, const CommandSpec& spec,
                              const CommandResult& result) {
    DeliveryStatus status = command_status(spec.command, result);
    // It has seen a part of the message.
    if (status.code().success() && delivery.unread()) {
        return DeliveryStatus::of(DsnCode(4, 3, 0), "queue file cannot be read");
    }
    return status;
}

Task<DeliveryStatus> deliver_to_command(Delivery* delivery, CommandSpec spec) {
    Deadline deadline = Deadline::after(spec.time_limit);
    ChildSpec how = child_spec(spec);
    Pipe input = make_pipe();
    Pipe output = make_pipe();
    how.input = input.read_end.get();
    how.output = output.write_end.get();
    how.error = output.write_end.get();
    const ForkPatience patience{conf().fork_attempts(), conf().fork_delay()};
    auto child = co_await Child::start(how, patience);
    if (!child) {
        log_warning("{}: {}", spec.command, child.error().message);
        co_return DeliveryStatus::of(DsnCode(4, 3, 0), "unable to run a command");
    }
    input.read_end.reset();
    output.write_end.reset();
    Progress progress;
    TaskGroup feeder;
    feeder.spawn(feed(delivery, std::move(spec.copy), std::move(input.write_end), &progress));
    CommandResult result;
    std::exception_ptr trouble;
    try {
        result = co_await watch(&*child, std::move(output.read_end), deadline, &progress);
    } catch (...) {
        trouble = std::current_exception();
    }
    co_await feeder.close();
    if (trouble) {
        child->kill_group(SIGKILL);
        std::rethrow_exception(trouble);
    }
    if (auto failure = child->failure(how)) {
        co_return not_started(spec, *failure);
    }
    log_trouble(spec, result, progress);
    co_return outcome(*delivery, spec, result);
}

std::vector<std::string> exported_environment() {
    return listed_environment("export_environment", conf().export_environment());
}

}  // namespace relais
