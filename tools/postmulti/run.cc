#include "tools/postmulti/run.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"

namespace relais::postmulti {

namespace {

// By what an instance is called on the command line: its directory where it has no name, its name
// with or without the prefix of all names; "-" is the primary one.
bool is_called(const Instance& instance, std::string_view name) {
    if (instance.primary && name == "-") {
        return true;
    }
    if (instance.name.empty() || name.starts_with('/')) {
        return name == instance.config_directory;
    }
    return name == instance.name || (!name.starts_with(kNamePrefix) &&
                                     instance.name == std::string(kNamePrefix).append(name));
}

bool is_chosen(const Instance& instance, const Options& options) {
    if (options.group) {
        return !instance.group.empty() && instance.group == *options.group;
    }
    return !options.name || is_called(instance, *options.name);
}

std::vector<const Instance*> chosen(const Options& options, const Suite& suite) {
    std::vector<const Instance*> out;
    for (const auto& instance : suite.instances) {
        if (is_chosen(instance, options)) {
            out.push_back(&instance);
        }
    }
    if (options.reverse) {
        std::ranges::reverse(out);
    }
    return out;
}

std::string_view shown(const std::string& text) {
    return text.empty() ? std::string_view("-") : std::string_view(text);
}

bool lists(const std::string& commands, std::string_view command) {
    auto words = split_words(commands, ", \t\r\n");
    return std::ranges::find(words, command) != words.end();
}

// What a -p command does with instances that are not enabled, and in which order it goes.
enum class CommandKind { kStart, kStop, kControl, kOther };

CommandKind kind_of(std::string_view command) {
    if (lists(conf().postmulti_start_commands(), command)) {
        return CommandKind::kStart;
    }
    if (lists(conf().postmulti_stop_commands(), command)) {
        return CommandKind::kStop;
    }
    return lists(conf().postmulti_control_commands(), command) ? CommandKind::kControl
                                                               : CommandKind::kOther;
}

std::vector<std::string> postfix_command(const Options& options) {
    std::vector<std::string> argv = {conf().command_directory() + "/postfix"};
    argv.insert(argv.end(), static_cast<std::size_t>(options.verbose), "-v");
    argv.emplace_back("--");
    argv.insert(argv.end(), options.words.begin(), options.words.end());
    return argv;
}

[[noreturn]] void become_program(const std::vector<std::string>& argv) {
    std::vector<char*> pointers;
    for (const auto& word : argv) {
        pointers.push_back(const_cast<char*>(word.c_str()));
    }
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    log_fatal("execvp {}: {}", argv.front(), std::strerror(errno));
}

int run_postfix(const Options& options, const Suite& suite) {
    auto kind = kind_of(options.words.front());
    auto instances = chosen(options, suite);
    if (kind == CommandKind::kStop) {
        std::ranges::reverse(instances);
    }
    if (kind == CommandKind::kStop || kind == CommandKind::kControl) {
        std::erase_if(instances, [](const Instance* instance) { return !instance->enabled; });
    }
    if (instances.empty()) {
        log_fatal("No matching instances");
    }
    int status = 0;
    for (const auto* instance : instances) {
        auto argv = postfix_command(options);
        if (kind == CommandKind::kStart && !instance->enabled) {
            argv.resize(argv.size() - options.words.size());
            argv.emplace_back("check");
        }
        export_instance(*instance);
        // A service manager that started one instance watches this process: it becomes master.
        if (options.words.front() == "start-fg" && instances.size() == 1) {
            become_program(argv);
        }
        status |= run_program(argv);
    }
    return status == 0 ? 0 : 1;
}

}  // namespace

void export_instance(const Instance& instance) {
    const std::pair<const char*, std::string_view> variables[] = {
        {"MAIL_CONFIG", instance.config_directory},
        {"config_directory", instance.config_directory},
        {"queue_directory", instance.queue_directory},
        {"data_directory", instance.data_directory},
        {"command_directory", conf().command_directory()},
        {"daemon_directory", conf().daemon_directory()},
        {"multi_instance_name", instance.name},
        {"multi_instance_group", instance.group},
        {"multi_instance_enable", instance.enabled ? "yes" : "no"},
    };
    for (const auto& [name, value] : variables) {
        ::setenv(name, std::string(value).c_str(), 1);
    }
}

namespace {

pid_t start_program(const std::vector<std::string>& argv, int standard_error) {
    std::fflush(stdout);
    pid_t pid = ::fork();
    if (pid < 0) {
        log_fatal("fork {}: {}", argv.front(), std::strerror(errno));
    }
    if (pid == 0) {
        ::dup2(standard_error, STDERR_FILENO);
        become_program(argv);
    }
    return pid;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int run_program(const std::vector<std::string>& argv) {
    return wait_for(start_program(argv, STDERR_FILENO));
}

int run_quietly(const std::vector<std::string>& argv) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        log_fatal("pipe: {}", std::strerror(errno));
    }
    UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    pid_t pid = start_program(argv, to.get());
    to.reset();
    std::string said;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(from.get(), buffer.data(), buffer.size())) > 0;) {
        said.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int status = wait_for(pid);
    if (status != 0) {
        std::fwrite(said.data(), 1, said.size(), stderr);
    }
    return status;
}

const Instance& named_instance(const Options& options, const Suite& suite) {
    if (!options.name) {
        log_fatal("Select an instance via '-i name'");
    }
    auto matches = chosen(options, suite);
    if (matches.empty()) {
        log_fatal("No instance named {}", *options.name);
    }
    return *matches.front();
}

namespace {

std::string line_of(const Instance& instance) {
    return format("{:<15} {:<15} {:<9} {}\n", shown(instance.name), shown(instance.group),
                  instance.enabled ? "y" : "n", instance.config_directory);
}

// As Postfix 3.11 writes it, blanks and all.
std::string json_of(const Instance& instance) {
    return format(R"({{"name": {},"group": {},"enabled": "{}","config_directory": {}}})"
                  "\n",
                  json_string(shown(instance.name)), json_string(shown(instance.group)),
                  instance.enabled ? "y" : "n", json_string(instance.config_directory));
}

}  // namespace

void list_instances(const Options& options, const Suite& suite) {
    for (const auto* instance : chosen(options, suite)) {
        std::string line = options.json ? json_of(*instance) : line_of(*instance);
        std::fwrite(line.data(), 1, line.size(), stdout);
    }
    if (std::fflush(stdout) != 0) {
        log_fatal("error writing output: {}", std::strerror(errno));
    }
}

int run_for_instances(const Options& options, const Suite& suite) {
    const char* path = std::getenv("PATH");
    std::string search = path != nullptr ? path : "/bin:/usr/bin:/sbin:/usr/sbin";
    ::setenv("PATH", (conf().command_directory() + ":" + search).c_str(), 1);
    if (options.mode == Mode::kPostfix) {
        return run_postfix(options, suite);
    }
    auto instances = chosen(options, suite);
    if (instances.empty()) {
        log_fatal("No matching instances");
    }
    int status = 0;
    for (const auto* instance : instances) {
        export_instance(*instance);
        status |= run_program(options.words);
    }
    return status == 0 ? 0 : 1;
}

}  // namespace relais::postmulti
