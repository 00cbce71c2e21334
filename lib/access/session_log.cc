#include "lib/access/session_log.h"

#include <algorithm>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log_name.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kLongestName = 200;

// Without what the readers take for the end of a name.
std::string name_for_readers(std::string_view name) {
    std::string shown = printable(name.substr(0, kLongestName));
    std::ranges::replace_if(
        shown, [](char c) { return c == '<' || c == '>' || c == '(' || c == ')'; }, '?');
    return shown;
}

}  // namespace

void log_session(std::string_view who, std::string_view text) {
    log_line_as("dovecot", Severity::kInfo, format("{}: {}", who, text));
}

std::string session_of(std::string_view service, std::string_view user) {
    return format("{}({})<{}>", service, name_for_readers(user), ::getpid());
}

std::string user_in_brackets(std::string_view user) {
    return format("user=<{}>", name_for_readers(user));
}

}  // namespace relais
