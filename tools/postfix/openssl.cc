#include "tools/postfix/openssl.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"

namespace relais::postfix_command {

namespace {

// A file in memory takes any amount, so that nobody has to read while the program runs.
UniqueFd memory_file(std::string_view content = {}) {
    UniqueFd file(::memfd_create("openssl", MFD_CLOEXEC));
    if (!file || !write_all(file.get(), content) || ::lseek(file.get(), 0, SEEK_SET) != 0) {
        refuse(format("memfd_create: {}", std::strerror(errno)));
    }
    return file;
}

std::string content_of(const UniqueFd& file) {
    ::lseek(file.get(), 0, SEEK_SET);
    return read_all(file.get()).value_or("");
}

}  // namespace

OpensslResult run_openssl(std::vector<std::string> arguments, std::string_view input) {
    arguments.insert(arguments.begin(), conf().openssl_path());
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    UniqueFd in = memory_file(input);
    UniqueFd out = memory_file();
    UniqueFd complaints = memory_file();
    pid_t child = ::fork();
    if (child < 0) {
        refuse(format("fork: {}", std::strerror(errno)));
    }
    if (child == 0) {
        ::dup2(in.get(), STDIN_FILENO);
        ::dup2(out.get(), STDOUT_FILENO);
        ::dup2(complaints.get(), STDERR_FILENO);
        ::execvp(argv[0], argv.data());
        std::string why = format("{}: {}\n", argv[0], std::strerror(errno));
        static_cast<void>(write_all(STDERR_FILENO, why));
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return {WIFEXITED(status) && WEXITSTATUS(status) == 0, content_of(out), content_of(complaints)};
}

std::string openssl_or_refuse(std::vector<std::string> arguments, std::string_view input,
                              std::string_view failure) {
    auto result = run_openssl(std::move(arguments), input);
    if (result.ok) {
        return std::move(result.output);
    }
    for (std::string_view line : split_words(result.complaints, "\n")) {
        log_warning("{}", printable(line));
    }
    refuse(failure);
}

}  // namespace relais::postfix_command
