#include "smtp/server_list.h"

#include <algorithm>
#include <random>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/dns/resolver.h"
#include "lib/mail/hostname.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

namespace {

constexpr std::uint16_t kSmtpPort = 25;
constexpr std::size_t kMostMxHosts = 100;

std::mt19937& shuffler() {
    static std::mt19937 generator{std::random_device{}()};
    return generator;
}

DeliveryStatus address_trouble(const HostAddresses& answer, HostSource source) {
    if (answer.filtered) {
        return local_trouble("4.7.0", answer.reason);
    }
    switch (answer.status) {
        case DnsStatus::kTemporary:
        case DnsStatus::kFailed:
            return local_trouble(source == HostSource::kNative ? "4.4.4" : "4.4.3", answer.reason);
        default:
            return local_trouble("5.4.4", answer.reason);
    }
}

DnsValidation validation(const Settings& settings) {
    return settings.dns_support == DnsSupport::kDnssec ? DnsValidation::kWanted
                                                       : DnsValidation::kNone;
}

ServerAddress server_named(std::string host, int preference = 0) {
    ServerAddress server;
    server.host = std::move(host);
    server.preference = preference;
    return server;
}

// The addresses of one host, which is `model` but for them.  A soft failure weighs more than a hard
// one, whichever came first.
Task<void> add_host(Resolver* resolver, const Settings* settings, ServerAddress model,
                    ServerList* list) {
    const std::string host = model.host;
    for (HostSource source : settings->host_lookup) {
        HostAddresses answer = co_await resolve_host(resolver, host, settings->families, source,
                                                     validation(*settings));
        if (answer.found()) {
            if (settings->cname_overrides && !answer.name.empty()) {
                model.host = answer.name;
            }
            for (std::string& address : answer.addresses) {
                model.address = std::move(address);
                model.canonical = answer.name;
                model.secure = answer.authentic;
                list->servers.push_back(model);
            }
            co_return;
        }
        DeliveryStatus why = address_trouble(answer, source);
        if (!is_soft(list->why) || is_soft(why)) {
            list->why = std::move(why);
        }
        if (answer.status != DnsStatus::kNotFound) {
            co_return;
        }
    }
}

bool is_own(const ServerAddress& server, const Settings& settings) {
    return std::find(settings.own_addresses.begin(), settings.own_addresses.end(),
                     server.address) != settings.own_addresses.end();
}

Task<ServerList> find_host(Resolver* resolver, const Settings* settings, std::string host,
                           ServerList list) {
    co_await add_host(resolver, settings, server_named(host), &list);
    if (list.loop_detection &&
        std::any_of(list.servers.begin(), list.servers.end(),
                    [&](const ServerAddress& server) { return is_own(server, *settings); })) {
        list.servers.clear();
        list.loops = true;
        list.found_self = true;
        list.why = local_trouble("5.4.6", format("mail for {} loops back to myself", host));
    }
    arrange(list.servers, *settings);
    co_return std::move(list);
}

Task<ServerList> find_mx_servers(Resolver* resolver, const Settings* settings, std::string domain,
                                 DnsAnswer mx, ServerList list) {
    std::sort(mx.records.begin(), mx.records.end(),
              [](const DnsRecord& a, const DnsRecord& b) { return a.preference < b.preference; });
    if (mx.records.size() > kMostMxHosts) {
        mx.records.resize(kMostMxHosts);
    }
    int best = mx.records.front().preference;
    list.mx = MxOrigin{domain, mx.name, mx.authentic};
    for (const DnsRecord& record : mx.records) {
        co_await add_host(resolver, settings, server_named(record.text, record.preference), &list);
    }
    if (list.servers.empty()) {
        log_warning("no MX host for {} has a valid address record", domain);
        if (settings->defer_if_no_mx_address && is_hard(list.why)) {
            list.why.status[0] = '4';
        }
        co_return std::move(list);
    }
    drop_self(list, *settings, domain, best);
    list.best_preference = list.servers.empty() ? best : list.servers.front().preference;
    arrange(list.servers, *settings);
    co_return std::move(list);
}

bool preferred_family(const ServerAddress& server, AddressPreference preference) {
    return is_ipv4(server.address) == (preference == AddressPreference::kIpv4);
}

// Makes sure that both families are among the addresses that will be tried.
void balance(std::vector<ServerAddress>& servers, std::size_t limit) {
    if (limit < 2 || servers.size() <= limit) {
        return;
    }
    auto edge = servers.begin() + static_cast<std::ptrdiff_t>(limit);
    bool first_is_v4 = is_ipv4(servers.front().address);
    auto other = [&](const ServerAddress& server) {
        return is_ipv4(server.address) != first_is_v4;
    };
    if (std::any_of(servers.begin(), edge, other)) {
        return;
    }
    auto found = std::find_if(edge, servers.end(), other);
    if (found != servers.end()) {
        std::rotate(edge - 1, found, found + 1);
    }
}

}  // namespace

void drop_self(ServerList& list, const Settings& settings, const std::string& domain,
               int best_mx_preference) {
    if (!list.loop_detection) {
        return;
    }
    auto self = std::find_if(list.servers.begin(), list.servers.end(),
                             [&](const ServerAddress& server) { return is_own(server, settings); });
    if (self == list.servers.end()) {
        return;
    }
    list.found_self = true;
    int best_found = list.servers.front().preference;
    int own = self->preference;
    std::erase_if(list.servers,
                  [own](const ServerAddress& server) { return server.preference >= own; });
    if (!list.servers.empty()) {
        return;
    }
    if (best_mx_preference != best_found) {
        list.why = local_trouble("4.4.4", format("unable to find primary relay for {}", domain));
        return;
    }
    list.loops = true;
    list.why = local_trouble("5.4.6", format("mail for {} loops back to myself", domain));
}

void arrange(std::vector<ServerAddress>& servers, const Settings& settings) {
    if (settings.randomize_addresses) {
        std::shuffle(servers.begin(), servers.end(), shuffler());
    }
    AddressPreference wanted = settings.address_preference;
    // Insertion keeps the order of equals, and lists are short.
    for (std::size_t i = 1; i < servers.size(); ++i) {
        auto better = [&](const ServerAddress& a, const ServerAddress& b) {
            if (a.preference != b.preference) {
                return a.preference < b.preference;
            }
            return wanted != AddressPreference::kAny && preferred_family(a, wanted) &&
                   !preferred_family(b, wanted);
        };
        auto at = servers.begin() + static_cast<std::ptrdiff_t>(i);
        auto place = std::upper_bound(servers.begin(), at, *at, better);
        std::rotate(place, at, at + 1);
    }
    if (settings.balance_protocols && settings.families.ipv4 && settings.families.ipv6) {
        balance(servers, static_cast<std::size_t>(std::max(settings.address_limit, 0)));
    }
}

std::vector<DnsRecord> order_of_trying(std::vector<DnsRecord> records) {
    std::ranges::sort(records, {}, &DnsRecord::preference);
    for (auto next = records.begin(); next != records.end(); ++next) {
        const auto equals = std::find_if(next, records.end(), [&](const DnsRecord& other) {
            return other.preference != next->preference;
        });
        std::vector<double> weights;
        for (auto one = next; one != equals; ++one) {
            // Those of no weight still have a very small chance.
            weights.push_back(one->weight == 0 ? 0.001 : one->weight);
        }
        std::discrete_distribution<std::ptrdiff_t> chance(weights.begin(), weights.end());
        std::iter_swap(next, next + chance(shuffler()));
    }
    return records;
}

namespace {

Task<ServerList> find_srv_servers(Resolver* resolver, const Settings* settings, DnsAnswer srv,
                                  ServerList list) {
    const auto records = order_of_trying(std::move(srv.records));
    int place = 0;
    for (const DnsRecord& record : records) {
        if (record.text != "." && place < static_cast<int>(kMostMxHosts)) {
            auto server = server_named(record.text, place++);
            server.port = record.port;
            co_await add_host(resolver, settings, std::move(server), &list);
        }
    }
    if (place == 0) {
        list.why = local_trouble(
            "5.4.4", format("the service is not available: null SRV record of {}", srv.name));
    } else if (!list.servers.empty()) {
        list.best_preference = list.servers.front().preference;
        drop_self(list, *settings, srv.name, list.best_preference);
    }
    co_return std::move(list);
}

// Nothing where MX and address records decide.  RFC 2782
Task<std::optional<ServerList>> find_by_srv(Resolver* resolver, const Settings* settings,
                                            const Destination* destination, ServerList list) {
    auto name = format("_{}._tcp.{}", destination->srv_service, destination->host);
    DnsAnswer srv = co_await resolver->lookup(std::move(name), DnsType::kSrv);
    if (srv.found()) {
        co_return co_await find_srv_servers(resolver, settings, std::move(srv), std::move(list));
    }
    const bool exists_not = srv.status == DnsStatus::kNotFound;
    if (settings->srv_fallback || (!exists_not && settings->ignore_srv_error)) {
        co_return std::nullopt;
    }
    list.why = local_trouble(exists_not ? "5.4.4" : "4.4.3", srv.reason);
    co_return std::move(list);
}

}  // namespace

Task<ServerList> find_servers(Resolver* resolver, const Settings* settings,
                              Destination destination) {
    ServerList list;
    list.loop_detection = settings->protocol == Protocol::kSmtp && destination.port == kSmtpPort;
    if (!destination.srv_service.empty() && !is_ip_address(destination.host)) {
        auto found = co_await find_by_srv(resolver, settings, &destination, list);
        if (found) {
            co_return std::move(*found);
        }
    }
    if (!destination.use_mx || is_ip_address(destination.host)) {
        co_return co_await find_host(resolver, settings, destination.host, std::move(list));
    }
    DnsAnswer mx = co_await resolver->lookup(destination.host, DnsType::kMx, validation(*settings));
    switch (mx.status) {
        case DnsStatus::kFound:
            co_return co_await find_mx_servers(resolver, settings, destination.host, std::move(mx),
                                               std::move(list));
        case DnsStatus::kNotFound:
            // RFC 5321 5.1: without MX records the domain itself is the server.
            co_return co_await find_host(resolver, settings, destination.host, std::move(list));
        case DnsStatus::kNullMx:
            list.why = local_trouble("5.1.0", mx.reason);
            break;
        case DnsStatus::kMalformed:
            list.why = local_trouble("5.4.4", mx.reason);
            break;
        case DnsStatus::kTemporary:
        case DnsStatus::kFailed:
            if (settings->ignore_mx_lookup_error) {
                co_return co_await find_host(resolver, settings, destination.host, std::move(list));
            }
            list.why = local_trouble(mx.filtered ? "4.7.0" : "4.4.3", mx.reason);
            break;
    }
    co_return std::move(list);
}

}  // namespace relais::smtp_client
