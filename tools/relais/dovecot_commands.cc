// relais dovecot check, import.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/services.h"

#include "tools/relais/dovecot_import.h"

namespace relais {

namespace {

// None where there is no master.cf yet.
std::vector<MasterService> services_here() {
    auto services = load_services(conf());
    if (!services && services.error().sys_errno == ENOENT) {
        return {};
    }
    if (!services) {
        log_fatal("{}", services.error().message);
    }
    return std::move(*services);
}

DovecotImport load(const std::string& path) {
    auto tree = load_dovecot_tree(path);
    if (!tree) {
        log_fatal("{}", tree.error().message);
    }
    DovecotImport import =
        DovecotImport::from(*tree, {conf().queue_directory(), conf().config_directory()});
    auto services = services_here();
    // What every installation has stays as it is.
    bool counted = std::ranges::find(services, "anvil", &MasterService::name) != services.end();
    if (counted) {
        std::erase_if(import.services,
                      [](const std::string& line) { return line.starts_with("anvil "); });
    }
    return import;
}

// In main.cf "$" begins the name of a parameter.
std::string as_main_cf_value(const std::string& value) {
    std::string text;
    for (char c : value) {
        text += c == '$' ? "$$" : std::string(1, c);
    }
    return text;
}

int print(const DovecotImport& import) {
    for (const auto& [name, parameter] : import.parameters) {
        std::puts(format("main.cf: {} = {} ({})", name, parameter.value, parameter.from).c_str());
    }
    for (const std::string& service : import.services) {
        std::puts(("master.cf: " + service).c_str());
    }
    for (const auto& [path, text] : import.files) {
        std::puts(format("{}: a file of SQL queries", path).c_str());
    }
    for (const auto& left : import.left) {
        std::puts(format("{}: not carried over: {}: {}", left.place, left.text, left.why).c_str());
    }
    return import.left.empty() ? 0 : 1;
}

constexpr std::string_view kMark =
    "# By relais dovecot import, which writes it anew as long as this line is here.\n";

// Passwords are in them.  What the administrator has made his own stays.
void write_files(const DovecotImport& import) {
    for (const auto& [path, text] : import.files) {
        auto there = read_file(path);
        bool free = there ? there->starts_with(kMark) : there.error().sys_errno == ENOENT;
        if (!free) {
            log_fatal("{} is there, and from no import: nothing is changed", path);
        }
        auto written = replace_file(path, std::string(kMark) + text, 0600);
        if (!written) {
            log_fatal("{}", written.error().message);
        }
    }
}

// postconf(1) knows how the two files are changed, and keeps what else is in them.
void run_postconf(std::vector<std::string> words) {
    std::string program = conf().command_directory() + "/postconf";
    words.insert(words.begin(), {program, "-c", conf().config_directory()});
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t pid = 0;
    int reason = ::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments.data(), environ);
    if (reason != 0) {
        log_fatal("{}: {}", program, std::strerror(reason));
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        log_fatal("{} has failed: nothing further is changed", program);
    }
}

}  // namespace

int dovecot_check(const std::string& path) {
    return print(load(path));
}

int dovecot_import(const std::string& path) {
    DovecotImport import = load(path);
    write_files(import);
    std::vector<std::string> words = {"-e"};
    for (const auto& [name, parameter] : import.parameters) {
        words.push_back(name + " = " + as_main_cf_value(parameter.value));
    }
    if (words.size() > 1) {
        run_postconf(std::move(words));
    }
    words = {"-M", "-e"};
    for (const std::string& service : import.services) {
        auto fields = split_words(service);
        words.push_back(format("{}/{} = {}", fields[0], fields[1], service));
    }
    run_postconf(std::move(words));
    return print(import);
}

}  // namespace relais
