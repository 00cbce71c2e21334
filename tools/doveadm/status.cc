#include "tools/doveadm/status.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace relais::doveadm {

namespace {

void print_line(std::string_view who, std::string_view kind, std::string_view text) {
    std::fflush(stdout);
    std::string line = who.empty() ? "" : std::string(who) + ": ";
    line += format("{}: {}\n", kind, text);
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

int status_of(const Error& error) {
    if (error.code == Errc::kNotFound || error.sys_errno == ENOENT) {
        return kNotFound;
    }
    if (error.sys_errno == EEXIST || error.code == Errc::kDenied || error.code == Errc::kSyntax) {
        return kNotPossible;
    }
    return kTemporary;
}

void print_error(std::string_view user, std::string_view text) {
    print_line(user.empty() ? "" : format("doveadm({})", user), "Error", text);
}

void end_with(int status, std::string_view text, std::string_view who) {
    print_line(who, "Fatal", text);
    std::exit(status);
}

}  // namespace relais::doveadm
