#include "lib/access/session_log.h"

#include <algorithm>
#include <chrono>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log_name.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kLongestName = 200;

}  // namespace

std::string shown_name(std::string_view user) {
    std::string shown = printable(user.substr(0, kLongestName));
    std::ranges::replace_if(
        shown, [](char c) { return c == '<' || c == '>' || c == '(' || c == ')'; }, '?');
    return shown;
}

void log_session(std::string_view who, std::string_view text) {
    log_line_as("dovecot", Severity::kInfo, format("{}: {}", who, text));
}

std::string session_of(std::string_view service, std::string_view user) {
    return format("{}({})<{}>", service, shown_name(user), ::getpid());
}

std::string user_in_brackets(std::string_view user) {
    return format("user=<{}>", shown_name(user));
}

std::string proxy_of(std::string_view user, std::string_view address) {
    return format("proxy({}{}{})", shown_name(user), address.empty() ? "" : ",", address);
}

std::string started_proxying(std::string_view host, SteadyTime since) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
    return format("Started proxying to <{}> ({:.3f} secs)", printable(host), took.count());
}

}  // namespace relais
