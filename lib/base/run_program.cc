#include "lib/base/run_program.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/unique_fd.h"

namespace relais {

namespace {

// A file in memory takes any amount, so that nobody has to read while the program runs.
Result<UniqueFd> memory_file(std::string_view content = {}) {
    UniqueFd file(::memfd_create("program", MFD_CLOEXEC));
    if (!file || !write_all(file.get(), content) || ::lseek(file.get(), 0, SEEK_SET) != 0) {
        return fail_errno("memfd_create");
    }
    return file;
}

std::string content_of(const UniqueFd& file) {
    ::lseek(file.get(), 0, SEEK_SET);
    return read_all(file.get()).value_or("");
}

[[noreturn]] void become(std::vector<std::string>& words) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    std::string why = format("{}: {}\n", argv[0], std::strerror(errno));
    static_cast<void>(write_all(STDERR_FILENO, why));
    ::_exit(127);
}

}  // namespace

Result<ProgramResult> run_program(std::vector<std::string> argv, std::string_view input) {
    auto in = memory_file(input);
    auto out = memory_file();
    auto complaints = memory_file();
    for (const auto* file : {&in, &out, &complaints}) {
        if (!*file) {
            return fail_with(*file);
        }
    }
    pid_t child = ::fork();
    if (child < 0) {
        return fail_errno("fork");
    }
    if (child == 0) {
        ::dup2(in->get(), STDIN_FILENO);
        ::dup2(out->get(), STDOUT_FILENO);
        ::dup2(complaints->get(), STDERR_FILENO);
        become(argv);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return ProgramResult{WIFEXITED(status) && WEXITSTATUS(status) == 0, content_of(*out),
                         content_of(*complaints)};
}

}  // namespace relais
