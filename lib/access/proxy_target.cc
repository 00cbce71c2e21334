#include "lib/access/proxy_target.h"

#include <algorithm>
#include <optional>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

// Seconds, or a number with "ms" or "secs" behind it, as Dovecot has it.
std::optional<std::chrono::milliseconds> parse_patience(std::string_view text) {
    constexpr std::uint64_t kLongest = 24L * 3600 * 1000;
    std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto number = parse_uint(text.substr(0, digits));
    std::string_view unit = trim(text.substr(digits));
    bool seconds = unit.empty() || unit == "s" || unit == "secs";
    if (!number || *number == 0 || *number > kLongest || (!seconds && unit != "ms")) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(*number * (seconds ? 1000 : 1));
}

std::unexpected<Error> makes_no_sense(std::string_view name, std::string_view value) {
    return fail(Errc::kSyntax, format("{} = {} makes no sense", name, printable(value)));
}

// A field whose value is yes or any-cert; without a value, yes.
Result<bool> read_tls(const AuthParameters& fields, std::string_view name, ProxyTarget* target) {
    std::string_view value = fields.get(name);
    if (!fields.has(name) || value == "no") {
        return false;
    }
    if (value == "any-cert") {
        target->certificate = ProxyTarget::Certificate::kAny;
    } else if (!value.empty() && value != "yes" && value != "y") {
        return makes_no_sense(name, value);
    }
    return true;
}

Result<void> read_all_tls(const AuthParameters& fields, ProxyTarget* target) {
    auto ssl = read_tls(fields, "ssl", target);
    auto starttls = read_tls(fields, "starttls", target);
    if (!ssl || !starttls) {
        return fail_with(ssl ? starttls : ssl);
    }
    target->tls = *ssl        ? ProxyTarget::Tls::kFromTheStart
                  : *starttls ? ProxyTarget::Tls::kStartTls
                              : ProxyTarget::Tls::kNone;
    return {};
}

Result<void> read_place(const AuthParameters& fields, ProxyPorts ports, ProxyTarget* target) {
    target->host = fields.get("host");
    if (target->host.empty()) {
        return fail(Errc::kSyntax, "host is not given");
    }
    auto port = std::optional<std::uint64_t>(
        target->tls == ProxyTarget::Tls::kFromTheStart ? ports.tls : ports.plain);
    if (fields.has("port")) {
        port = parse_uint(fields.get("port"));
    }
    if (!port || *port == 0 || *port > 65535) {
        return makes_no_sense("port", fields.get("port"));
    }
    std::string_view address = fields.has("hostip") ? fields.get("hostip") : target->host;
    auto parsed = SocketAddress::parse(address, static_cast<std::uint16_t>(*port));
    if (!parsed) {
        return fail(Errc::kSyntax, format("host {} has no address", printable(target->host)));
    }
    target->address = *parsed;
    return {};
}

}  // namespace

std::string ProxyTarget::name() const {
    return format("{}:{}", printable(host), address.port());
}

Result<ProxyTarget> proxy_target(const AuthParameters& fields, std::string_view user,
                                 ProxyPorts ports) {
    ProxyTarget target;
    auto tls = read_all_tls(fields, &target);
    auto place = tls ? read_place(fields, ports, &target) : fail_with(tls);
    if (!place) {
        return fail_with(place);
    }
    std::string_view there = fields.get("destuser");
    target.user = there.empty() ? user : there;
    target.master = fields.get("master");
    target.password = fields.get("pass");
    target.mechanism = uppercase(fields.get("proxy_mech"));
    target.wants_header = fields.has("proxy_haproxy") && fields.get("proxy_haproxy") != "no";
    target.timeout = conf().login_proxy_timeout();
    if (fields.has("proxy_timeout")) {
        auto patience = parse_patience(fields.get("proxy_timeout"));
        if (!patience) {
            return makes_no_sense("proxy_timeout", fields.get("proxy_timeout"));
        }
        target.timeout = *patience;
    }
    return target;
}

Result<ProxyTarget> proxy_target(const AuthParameters& fields, std::string_view user,
                                 ProxyPorts ports, const ProxyPath& path) {
    auto target = proxy_target(fields, user, ports);
    if (target && std::ranges::find(path.here, target->address) != path.here.end()) {
        return fail(Errc::kSyntax, "the proxied connection would come back here");
    }
    if (target && path.hops_left <= 1) {
        return fail(Errc::kSyntax, "TTL reached zero: proxies appear to be looping");
    }
    return target;
}

}  // namespace relais
