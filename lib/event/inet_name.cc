#include "lib/event/inet_name.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include <netdb.h>
#include <sys/socket.h>

#include "lib/base/known_ports.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/blocking.h"
#include "lib/event/socket.h"

namespace relais {

std::pair<std::string, std::string> split_inet_name(std::string_view name) {
    if (name.starts_with('[')) {
        auto close = name.find(']');
        if (close != std::string_view::npos && name.substr(close + 1).starts_with(':')) {
            return {std::string(name.substr(1, close - 1)), std::string(name.substr(close + 2))};
        }
    }
    auto parts = split_last(name, ':');
    return parts ? std::pair(std::string(parts->first), std::string(parts->second))
                 : std::pair(std::string(), std::string(name));
}

// What needs no look-up.
static std::optional<SocketAddress> numeric_address(const std::string& host,
                                                    const std::string& service) {
    auto port = parse_uint(service);
    if (!port || *port > 65535) {
        return std::nullopt;
    }
    return SocketAddress::parse(host, static_cast<std::uint16_t>(*port));
}

static FoundAddresses ask_library(const std::string& host, const std::string& service, int family) {
    FoundAddresses out;
    if (auto port = parse_uint(service); port && *port > 65535) {
        out.error = EAI_SERVICE;  // the library would take its lowest 16 bits
        return out;
    }
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = family;
    addrinfo* found = nullptr;
    out.error =
        ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found);
    if (out.error != 0) {
        return out;
    }
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        out.list.push_back(SocketAddress::from(at->ai_addr, at->ai_addrlen));
    }
    return out;
}

// The port as digits where known_tcp_ports has its name.
static std::pair<std::string, std::string> host_and_port(std::string_view name) {
    auto parts = split_inet_name(name);
    parts.second = known_port(parts.second);
    return parts;
}

FoundAddresses look_up_addresses(std::string_view name, int family) {
    auto [host, service] = host_and_port(name);
    auto numeric = numeric_address(host, service);
    bool is_wanted = numeric && (family == AF_UNSPEC || numeric->family() == family);
    return is_wanted ? FoundAddresses{0, {*numeric}} : ask_library(host, service, family);
}

Task<FoundAddresses> find_addresses(std::string name) {
    auto [host, service] = host_and_port(name);
    if (auto numeric = numeric_address(host, service)) {
        co_return FoundAddresses{0, {*numeric}};
    }
    auto work = [host, service] { return ask_library(host, service, AF_UNSPEC); };
    co_return co_await run_blocking(std::move(work));
}

std::unexpected<Error> fail_without_address(std::string_view name, const FoundAddresses& found) {
    log_warning("host or service {} not found: {}", name, ::gai_strerror(found.error));
    return std::unexpected(Error{.code = Errc::kSystem,
                                 .message = std::strerror(EADDRNOTAVAIL),
                                 .sys_errno = EADDRNOTAVAIL});
}

Task<Result<UniqueFd>> connect_inet_name(std::string name, Deadline deadline) {
    auto found = co_await find_addresses(name);
    Result<UniqueFd> fd = fail(Errc::kNotFound, "no address");
    if (found.list.empty()) {
        co_return fail_without_address(name, found);
    }
    for (const SocketAddress& address : found.list) {
        fd = co_await connect_tcp(address, deadline);
        if (fd) {
            break;
        }
    }
    co_return fd;
}

}  // namespace relais
