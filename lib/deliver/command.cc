#include "lib/deliver/command.h"

#include <algorithm>
#include <array>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMostOutput = 4096;

struct ExitMeaning {
    int status;
    DsnCode code;
    std::string_view text;
};

// sysexits.h
constexpr std::array kMeanings = {
    ExitMeaning{64, {5, 3, 0}, "command line usage error"},
    ExitMeaning{65, {5, 6, 0}, "data format error"},
    ExitMeaning{66, {5, 3, 0}, "cannot open input"},
    ExitMeaning{67, {5, 1, 1}, "user unknown"},
    ExitMeaning{68, {5, 1, 2}, "host name unknown"},
    ExitMeaning{69, {5, 3, 0}, "service unavailable"},
    ExitMeaning{70, {5, 3, 0}, "internal software error"},
    ExitMeaning{71, {4, 3, 0}, "system resource problem"},
    ExitMeaning{72, {5, 3, 0}, "critical OS file missing"},
    ExitMeaning{73, {5, 2, 0}, "can't create user output file"},
    ExitMeaning{74, {5, 3, 0}, "input/output error"},
    ExitMeaning{75, {4, 3, 0}, "temporary failure"},
    ExitMeaning{76, {5, 5, 0}, "remote error in protocol"},
    ExitMeaning{77, {5, 7, 0}, "permission denied"},
    ExitMeaning{78, {5, 3, 5}, "local configuration error"},
};

std::string with_output(std::string text, const std::string& output) {
    return output.empty() ? text : text + ". Command output: " + output;
}

// On one line, printable.
std::string clean_output(std::string_view raw) {
    std::string out;
    for (char c : trim_right(raw.substr(0, kMostOutput))) {
        bool blank = c == '\n' || c == '\t';
        bool shown = is_print(c) || static_cast<unsigned char>(c) >= 128;
        out += blank ? ' ' : shown ? c : '_';
    }
    return out;
}

UniqueFd memory_file(const char* name) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
    if (!fd) {
        log_fatal("cannot make a memory file");
    }
    return fd;
}

std::string output_of(int fd) {
    ::lseek(fd, 0, SEEK_SET);
    std::string text(kMostOutput, '\0');
    ssize_t got = ::read(fd, text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return clean_output(text);
}

std::vector<std::string> argv_of(const DeliveryCommand& command) {
    if (!command.shell.empty()) {
        std::vector<std::string> argv;
        for (std::string_view word : split_words(command.shell)) {
            argv.emplace_back(word);
        }
        argv.push_back(command.command);
        return argv;
    }
    if (auto words = words_of_command(command.command)) {
        return *words;
    }
    return {"/bin/sh", "-c", command.command};
}

}  // namespace

std::optional<std::vector<std::string>> words_of_command(const std::string& command) {
    constexpr std::string_view kShellOnly = "!\"#$&'()*;<>?[\\]^`{|}~=\n";
    if (command.find_first_of(kShellOnly) != std::string::npos) {
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (std::string_view word : split_words(command)) {
        out.emplace_back(word);
    }
    // Built-in words, and programs that only the shell's search path finds.
    if (out.empty() || !out.front().starts_with('/')) {
        return std::nullopt;
    }
    return out;
}

DeliveryStatus status_of_exit(const ChildStatus& exit, const std::string& command,
                              const std::string& output) {
    if (exit.signal != 0) {
        return DeliveryStatus::of(
            DsnCode(4, 3, 0),
            with_output(format("Command died with signal {}: \"{}\"", exit.signal, command),
                        output));
    }
    if (exit.exit_status == 0) {
        return DeliveryStatus::of(DsnCode(2, 0, 0),
                                  with_output("delivered to command: " + command, output));
    }
    // A command may say the enhanced code itself.
    if (auto code = DsnCode::parse_prefix(output); code && !code->success()) {
        DsnText split = split_dsn(output, *code);
        return DeliveryStatus::of(*code, split.text);
    }
    auto known = std::ranges::find(kMeanings, exit.exit_status, &ExitMeaning::status);
    if (known != kMeanings.end()) {
        return DeliveryStatus::of(known->code, with_output(std::string(known->text), output));
    }
    return DeliveryStatus::of(
        DsnCode(5, 3, 0),
        with_output(format("Command died with status {}: \"{}\"", exit.exit_status, command),
                    output));
}

Task<DeliveryStatus> run_delivery_command(DeliveryCommand command) {
    UniqueFd output = memory_file("command output");
    ChildSpec spec;
    spec.argv = argv_of(command);
    spec.environment = command.environment;
    spec.directory = command.directory;
    spec.input = command.input;
    spec.output = output.get();
    spec.error = output.get();
    spec.own_group = true;
    if (command.change_identity) {
        spec.uid = command.user.uid;
        spec.gid = command.user.gid;
    }
    auto child = Child::start(spec);
    if (!child) {
        co_return DeliveryStatus::of(DsnCode(4, 3, 0), child.error().message);
    }
    bool late = false;
    ChildStatus exit;
    try {
        exit = co_await child->wait(Deadline::after(command.limit));
    } catch (const TimedOut&) {
        late = true;
    }
    if (late) {
        child->kill_group(SIGKILL);
        exit = co_await child->wait();
        co_return DeliveryStatus::of(
            DsnCode(5, 3, 0),
            with_output(format("Command time limit exceeded: \"{}\"", command.command),
                        output_of(output.get())));
    }
    // Whatever the command has left running goes with it.
    child->kill_group(SIGKILL);
    co_return status_of_exit(exit, command.command, output_of(output.get()));
}

}  // namespace relais
