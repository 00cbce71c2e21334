#include "master/spawn.h"

#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"

namespace relais::master {

namespace {

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (const auto& text : strings) {
        out.push_back(const_cast<char*>(text.c_str()));
    }
    out.push_back(nullptr);
    return out;
}

// The descriptors of a child in the order of their numbers from 3 up.
std::vector<int> inherited(const SpawnRequest& request, const Runtime& runtime) {
    std::vector<int> out = {runtime.flow_read.get(), runtime.flow_write.get(), request.status_fd};
    for (const auto& endpoint : *request.endpoints) {
        out.push_back(endpoint.fd.get());
    }
    return out;
}

// In the child: moves the descriptors out of the way of each other, then to their places.  dup2()
// takes the close-on-exec flag off; everything else of master's keeps it.
bool place_descriptors(std::vector<int>& fds) {
    int above = kFlowReadFd + static_cast<int>(fds.size());
    for (int& fd : fds) {
        fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
        if (fd < 0) {
            return false;
        }
    }
    for (std::size_t i = 0; i < fds.size(); ++i) {
        if (::dup2(fds[i], kFlowReadFd + static_cast<int>(i)) < 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::vector<std::string> compose_command(const SpawnRequest& request, const Runtime& runtime) {
    const MasterService& entry = *request.entry;
    std::vector<std::string> argv = {conf().daemon_directory() + "/" + entry.command};
    if (entry.process_limit == 1) {
        argv.emplace_back("-l");
    }
    if (entry.process_limit == 0) {
        argv.emplace_back("-z");
    }
    if (base_name(entry.command) != entry.name) {
        argv.insert(argv.end(), {"-n", entry.name});
    }
    argv.insert(argv.end(), {"-t", std::string(service_type_name(entry.type))});
    if (runtime.debugging) {
        argv.emplace_back("-d");
    }
    for (int i = 0; i < runtime.verbose; ++i) {
        argv.emplace_back("-v");
    }
    if (entry.is_unprivileged) {
        argv.emplace_back("-u");
    }
    if (entry.is_chroot) {
        argv.emplace_back("-c");
    }
    if (request.has_stress) {
        argv.insert(argv.end(), {"-o", request.stressed ? "stress=yes" : "stress="});
    }
    if (request.endpoints->size() > 1) {
        argv.insert(argv.end(), {"-s", std::to_string(request.endpoints->size())});
    }
    argv.insert(argv.end(), entry.arguments.begin(), entry.arguments.end());
    return argv;
}

Result<pid_t> spawn_process(const SpawnRequest& request, Runtime& runtime) {
    std::vector<std::string> command = compose_command(request, runtime);
    std::string path = command.front();
    command.front() = base_name(request.entry->command);
    ++runtime.generation;
    std::vector<std::string> environment = runtime.environment;
    environment.push_back(format("GENERATION={:o}", runtime.generation));
    environment.push_back(format("RELAIS_SESSIONS={}", request.sessions));
    auto argv = c_strings(command);
    auto env = c_strings(environment);
    auto fds = inherited(request, runtime);
    pid_t pid = ::fork();
    if (pid < 0) {
        return fail_errno("fork: " + path);
    }
    if (pid == 0) {
        ::signal(SIGTERM, SIG_DFL);
        ::signal(SIGHUP, SIG_DFL);
        ::signal(SIGCHLD, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        if (place_descriptors(fds)) {
            ::execve(path.c_str(), argv.data(), env.data());
        }
        ::_exit(errno == ENOENT ? 127 : 126);
    }
    return pid;
}

}  // namespace relais::master
