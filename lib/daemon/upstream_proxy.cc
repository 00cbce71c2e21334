#include "lib/daemon/upstream_proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/socket.h>

#include "lib/base/escape.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/interfaces.h"
#include "lib/event/errors.h"
#include "lib/event/socket.h"
#include "lib/smtp/proxy_header.h"

namespace relais {

namespace {

constexpr std::string_view kOnlyProtocol = "haproxy";

// Waits for input.  False: it did not come in time.
Task<bool> wait_in_time(int fd, Deadline deadline) {
    try {
        co_await wait_fd_readable(fd, deadline);
    } catch (const TimedOut&) {
        co_return false;
    }
    co_return true;
}

// Reads what belongs to the header of what has come: all of it, as long as the header is not
// complete.  False: nothing more will come.
bool take_more(int fd, std::string& seen, smtp::ProxyHeader& header) {
    std::array<char, smtp::kLongestProxyHeader> bytes{};
    const auto room = bytes.size() - std::min(bytes.size(), seen.size());
    const auto got = ::recv(fd, bytes.data(), room, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    const auto before = seen.size();
    seen.append(bytes.data(), static_cast<std::size_t>(got));
    header = smtp::parse_proxy_header(seen);
    const bool complete = header.state == smtp::ProxyHeader::State::kComplete;
    const auto mine = (complete ? header.size : seen.size()) - before;
    return ::recv(fd, bytes.data(), mine, MSG_DONTWAIT) == static_cast<ssize_t>(mine);
}

std::string_view unusable_family(const smtp::ProxyHeader& header) {
    const auto families = parse_inet_protocols(conf().inet_protocols());
    const bool v6 = header.client.host().find(':') != std::string::npos;
    if (!header.proxied || !families || (v6 ? families->ipv6 : families->ipv4)) {
        return {};
    }
    return v6 ? "IPv6 support is disabled" : "IPv4 support is disabled";
}

struct ProxyAnswer {
    std::optional<smtp::ProxyHeader> header;  // nothing: see `trouble`
    std::string trouble;                      // for the log
    std::string seen;                         // what came instead
};

Task<ProxyAnswer> read_proxy_header(int fd, Deadline deadline) {
    ProxyAnswer answer;
    smtp::ProxyHeader header;
    bool more = true;
    while (more && header.state == smtp::ProxyHeader::State::kIncomplete) {
        const bool in_time = co_await wait_in_time(fd, deadline);
        if (!in_time && answer.seen.empty()) {
            answer.trouble = "timeout error";
            co_return answer;
        }
        more = in_time && take_more(fd, answer.seen, header);
    }
    if (header.state == smtp::ProxyHeader::State::kComplete) {
        answer.trouble = unusable_family(header);
        if (answer.trouble.empty()) {
            answer.header = header;
        }
    } else {
        answer.trouble = answer.seen.empty() ? "EOF" : header.trouble;
    }
    co_return answer;
}

}  // namespace

void check_upstream_proxy_protocol(const std::string& parameter, const std::string& value) {
    if (!value.empty() && value != kOnlyProtocol) {
        log_fatal("unsupported {} value: {}", parameter, value);
    }
}

Task<bool> ask_upstream_proxy(int fd, Deadline deadline, std::optional<SocketAddress>* peer,
                              std::optional<SocketAddress>* local) {
    const auto said = co_await read_proxy_header(fd, deadline);
    if (!said.header) {
        log_warning("haproxy read: {}{}{}", said.trouble, said.seen.empty() ? "" : ": ",
                    escaped(said.seen));
        co_return false;
    }
    if (said.header->proxied) {
        *peer = said.header->client;
        *local = said.header->server;
    }
    co_return true;
}

}  // namespace relais
