#include "master/listeners.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/known_ports.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"

namespace relais::master {

std::string endpoint_name(const MasterService& service) {
    if (service.type == ServiceType::kInet) {
        return service.name;
    }
    if (!service.path.empty()) {
        return service.path;
    }
    return (service.is_private ? "private/" : "public/") + service.name;
}

OwnerIdentity::OwnerIdentity(const ListenContext& context) : changed_(context.can_chown) {
    if (changed_ && (::setegid(context.owner.gid) != 0 || ::seteuid(context.owner.uid) != 0)) {
        log_fatal("cannot take on the identity of mail_owner: {}", std::strerror(errno));
    }
}

OwnerIdentity::~OwnerIdentity() {
    if (changed_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) {
        log_panic("cannot get back root privileges");
    }
}

namespace {

struct HostPort {
    std::string host;
    std::string port;
};

// "[::1]:25", "127.0.0.1:25", "host:smtp", "25", ":25".
Result<HostPort> split_host_port(const std::string& name) {
    HostPort out;
    std::string_view rest = name;
    if (rest.starts_with('[')) {
        auto close = rest.find(']');
        if (close == std::string_view::npos || !rest.substr(close + 1).starts_with(':')) {
            return fail(Errc::kSyntax, "bad address in service name: " + name);
        }
        out.host = rest.substr(1, close - 1);
        out.port = rest.substr(close + 2);
    } else if (auto parts = split_last(rest, ':')) {
        out.host = parts->first;
        out.port = parts->second;
    } else {
        out.port = name;
    }
    if (istarts_with(out.host, "ipv6:")) {
        out.host.erase(0, 5);
    }
    if (out.port.empty()) {
        return fail(Errc::kSyntax, "missing port in service name: " + name);
    }
    out.port = known_port(out.port);
    return out;
}

Result<std::vector<SocketAddress>> resolve(const std::string& host, const std::string& port) {
    auto families = parse_inet_protocols(conf().inet_protocols());
    if (!families) {
        return fail_with(families);
    }
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* list = nullptr;
    int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
    if (error != 0) {
        return fail(Errc::kNotFound, host + ":" + port + ": " + ::gai_strerror(error));
    }
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    std::vector<SocketAddress> out;
    for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
        auto address = SocketAddress::from(item->ai_addr, item->ai_addrlen);
        bool wanted = (item->ai_family == AF_INET && families->ipv4) ||
                      (item->ai_family == AF_INET6 && families->ipv6);
        if (wanted && std::ranges::find(out, address) == out.end()) {
            out.push_back(address);
        }
    }
    return out;
}

// Without a host: the wildcard for inet_interfaces=all, each listed interface otherwise.
Result<std::vector<SocketAddress>> listen_addresses(const std::string& name) {
    auto parts = split_host_port(name);
    if (!parts) {
        return fail_with(parts);
    }
    if (!parts->host.empty() || iequals(trim(conf().inet_interfaces()), "all")) {
        return resolve(parts->host, parts->port);
    }
    std::vector<SocketAddress> out;
    for (const auto& own : conf().own_addresses()) {
        auto resolved = resolve(address_text(own), parts->port);
        if (!resolved) {
            return fail_with(resolved);
        }
        for (const auto& address : *resolved) {
            if (std::ranges::find(out, address) == out.end()) {
                out.push_back(address);
            }
        }
    }
    return out;
}

Result<UniqueFd> listen_inet(const SocketAddress& address, int backlog) {
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return fail_errno("socket");
    }
    int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.family() == AF_INET6) {
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    limit_tcp_window(fd.get());
    if (::bind(fd.get(), address.data(), address.size()) != 0) {
        return fail_errno("bind " + address.host() + " port " + std::to_string(address.port()));
    }
    if (::listen(fd.get(), backlog) != 0) {
        return fail_errno("listen");
    }
    return fd;
}

Result<UniqueFd> bind_unix(const std::string& path, int type, int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(Errc::kTooLarge, "unix-domain name too long: " + path);
    }
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return fail_errno("socket");
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail_errno("remove " + path);
    }
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return fail_errno("bind: " + path);
    }
    if (::chmod(path.c_str(), 0666) != 0) {
        return fail_errno("change socket mode: " + path);
    }
    if (type == SOCK_STREAM && ::listen(fd.get(), backlog) != 0) {
        return fail_errno("listen: " + path);
    }
    return fd;
}

Result<UniqueFd> open_fifo(const std::string& path) {
    // What an earlier master.cf left there may be a socket; what an earlier master left in a FIFO
    // is out of date.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail_errno("remove " + path);
    }
    if (::mkfifo(path.c_str(), 0622) != 0) {
        return fail_errno("create fifo " + path);
    }
    if (::chmod(path.c_str(), 0622) != 0) {
        return fail_errno("change FIFO mode: " + path);
    }
    // Also open for writing, so that it never reports end of file between two writers.
    return open_file(path, O_RDWR | O_NONBLOCK);
}

Result<UniqueFd> open_local(const MasterService& service, const ListenContext& context) {
    OwnerIdentity owner(context);
    std::string path = endpoint_name(service);
    switch (service.type) {
        case ServiceType::kFifo:
            return open_fifo(path);
        case ServiceType::kUnixDgram:
            return bind_unix(path, SOCK_DGRAM, context.backlog);
        default:
            return bind_unix(path, SOCK_STREAM, context.backlog);
    }
}

bool is_loopback(int fd) {
    auto address = SocketAddress::local_of(fd);
    return address && (address->host() == "::1" || address->host().starts_with("127."));
}

}  // namespace

std::string log_name(const MasterService& service, const Endpoint& endpoint) {
    auto parts = split_host_port(service.name);
    if (service.type != ServiceType::kInet || !parts) {
        return endpoint.address;
    }
    // The endpoint has the port as a number.
    std::string port = endpoint.address.substr(endpoint.address.rfind(':') + 1);
    return parts->host.empty() ? port : "[" + parts->host + "]:" + port;
}

Result<std::vector<Endpoint>> open_endpoints(const MasterService& service,
                                             const ListenContext& context) {
    std::vector<Endpoint> out;
    if (service.type != ServiceType::kInet) {
        auto fd = open_local(service, context);
        if (!fd) {
            return fail_with(fd);
        }
        out.push_back({std::move(*fd), endpoint_name(service)});
        return out;
    }
    auto addresses = listen_addresses(service.name);
    if (!addresses) {
        return fail_with(addresses);
    }
    for (const auto& address : *addresses) {
        auto fd = listen_inet(address, context.backlog);
        if (!fd) {
            return fail_with(fd);
        }
        out.push_back({std::move(*fd), address.to_string()});
    }
    return out;
}

bool is_exposed(const MasterService& service, const std::vector<Endpoint>& endpoints) {
    if (service.type == ServiceType::kPass) {
        return true;
    }
    return service.type == ServiceType::kInet &&
           std::ranges::any_of(
               endpoints, [](const Endpoint& endpoint) { return !is_loopback(endpoint.fd.get()); });
}

}  // namespace relais::master
