#include "lib/load/endpoint.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/mail/hostname.h"

namespace relais::load {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kInet = "inet:";

std::vector<SocketAddress> find(std::string_view shown, const std::string& name, int family) {
    FoundAddresses found = look_up_addresses(name, family);
    if (found.list.empty()) {
        log_fatal("{}: {}", shown, ::gai_strerror(found.error));
    }
    return found.list;
}

void check_service(std::string_view shown, std::string_view service) {
    if (service.empty()) {
        log_fatal("{}: missing service information", shown);
    }
    if (is_digit(service.front()) && !std::ranges::all_of(service, is_digit)) {
        log_fatal("{}: garbage after numerical service", shown);
    }
}

std::string bracketed(std::string_view host) {
    return is_ipv6(host) ? "[" + std::string(host) + "]" : std::string(host);
}

UniqueFd listen_unix(const std::string& path, int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        log_fatal("unix-domain name too long: {}", path);
    }
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        log_fatal("socket: {}", std::strerror(errno));
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        log_fatal("remove {}: {}", path, std::strerror(errno));
    }
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        log_fatal("bind: {}: {}", path, std::strerror(errno));
    }
    if (::chmod(path.c_str(), 0666) != 0 || ::listen(fd.get(), backlog) != 0) {
        log_fatal("listen: {}: {}", path, std::strerror(errno));
    }
    return fd;
}

}  // namespace

Endpoint server_endpoint(std::string_view name, std::string_view default_port, int family) {
    if (name.starts_with(kUnix)) {
        return {std::string(name.substr(kUnix.size())), {}};
    }
    std::string_view shown = name.starts_with(kInet) ? name.substr(kInet.size()) : name;
    bool lacks_port = shown.ends_with(':') && shown.find(':') == shown.size() - 1;
    auto parts =
        parse_host_port(lacks_port ? shown.substr(0, shown.size() - 1) : shown, default_port);
    if (!parts) {
        log_fatal("{}: {}", shown, parts.error().message);
    }
    check_service(shown, parts->port);
    return {{}, find(shown, bracketed(parts->host) + ":" + parts->port, family)};
}

Endpoint listen_endpoint(std::string_view name, int family) {
    if (name.starts_with(kUnix)) {
        return {std::string(name.substr(kUnix.size())), {}};
    }
    std::string_view shown = name.starts_with(kInet) ? name.substr(kInet.size()) : name;
    auto [host, service] = split_inet_name(shown);
    check_service(shown, service);
    if (host.empty()) {
        host = family == AF_INET6 ? "::" : "0.0.0.0";
    }
    return {{}, find(shown, bracketed(host) + ":" + service, family)};
}

void open_stderr_log(const char* name) {
    LogOptions options;
    options.tag = name;
    options.stderr_name = name;
    options.to_stderr = true;
    options.to_syslog = false;
    log_open(std::move(options));
}

void set_window(int fd, int window) {
    if (window > 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof window);
    }
}

UniqueFd listen_on(const Endpoint& endpoint, int backlog, int window) {
    if (!endpoint.path.empty() || endpoint.addresses.empty()) {
        return listen_unix(endpoint.path, backlog);
    }
    for (const auto& address : endpoint.addresses) {
        UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd) {
            continue;
        }
        int on = 1;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        if (address.family() == AF_INET6) {
            ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        }
        set_window(fd.get(), window);
        if (::bind(fd.get(), address.data(), address.size()) == 0 &&
            ::listen(fd.get(), backlog) == 0) {
            return fd;
        }
        if (address == endpoint.addresses.back()) {
            log_fatal("bind {} port {}: {}", address.host(), address.port(), std::strerror(errno));
        }
    }
    log_fatal("socket: {}", std::strerror(errno));
}

int number_option(std::string_view text, int least) {
    // As atoi() reads it: what follows the digits does not count.
    auto end = std::ranges::find_if_not(text, is_digit);
    auto value = parse_uint(text.substr(0, static_cast<std::size_t>(end - text.begin())));
    return value && *value <= INT32_MAX ? std::max(static_cast<int>(*value), least - 1) : least - 1;
}

int required_number(const char* what, std::string_view text, int least) {
    const int value = number_option(text, least);
    if (value < least) {
        log_fatal("bad {}: {}", what, text);
    }
    return value;
}

void raise_open_files(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace relais::load
