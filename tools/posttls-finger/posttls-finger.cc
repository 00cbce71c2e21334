// posttls-finger(1): looks at the TLS of an SMTP or LMTP server, and tells on standard output what
// a mail system would log of it.
//
// Talks to DNS and to that server alone: no tables, no tlsmgr, no log.  What it shows of a server's
// words is made printable.
#include <csignal>
#include <memory>
#include <string>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/event/loop.h"
#include "lib/load/endpoint.h"
#include "lib/tls/tls_settings.h"

#include "tools/posttls-finger/options.h"
#include "tools/posttls-finger/probe.h"
#include "tools/posttls-finger/servers.h"

using namespace relais;
using namespace relais::finger;

namespace {

void configure(const Options& options) {
    ConfigOptions wanted;
    wanted.process_name = "posttls-finger";
    wanted.settings = options.settings;
    load_conf(wanted);
}

// Nothing, and the reason told, where TLS is impossible.
std::unique_ptr<TlsContext> make_context(const Options& options) {
    if (options.level == TlsLevel::kNone) {
        return nullptr;
    }
    TlsClientOptions client = tls_client_options(conf(), "smtp");
    client.loglevel = options.tales.library;
    client.certificates = options.certificates;
    client.ca_file = options.ca_file;
    client.ca_path = options.ca_path;
    client.append_default_ca = false;
    if (!options.digest.empty()) {
        client.fingerprint_digest = options.digest;
    }
    auto made = TlsContext::client(client);
    return made ? std::move(*made) : nullptr;
}

void tell_failure(const Destination& destination, const Server& server, const std::string& why) {
    std::string via = destination.path.empty() ? " via " + server.host : "";
    log_info("Failed to establish session to {}{}: {}", destination.shown, via, why);
}

// Looks again and again, until a server is met that has been seen before.
Task<void> reconnect(Probe* probe, const Options* options, const Destination* destination,
                     const TlsContext* tls, Server server, Demand demand) {
    if (tls == nullptr || tls->cached_sessions() == 0) {
        log_info("Server declined session caching. Done reconnecting.");
        co_return;
    }
    for (int left = options->most_reconnects; left > 0; --left) {
        log_info("Reconnecting after {} seconds", options->reconnect_delay.count());
        co_await sleep_for(options->reconnect_delay);
        auto looked = co_await probe->look_at(server, demand, Look::kAgain);
        if (!looked) {
            tell_failure(*destination, server, looked.error().message);
            co_return;
        }
        if (probe->reused_session() || probe->known_server()) {
            log_info("Found a previously used server.  Done reconnecting.");
            co_return;
        }
    }
    log_info("Maximum reconnect count reached.");
}

Task<void> finger_destination(const Options* options, const Destination* destination) {
    auto tls = make_context(*options);
    Probe probe(*options, *destination, conf().myhostname(), tls.get());
    ServerList list;
    list.servers.resize(1);
    Resolver resolver;
    if (destination->path.empty()) {
        auto families = parse_inet_protocols(conf().inet_protocols());
        auto found = co_await find_servers(&resolver, options, destination,
                                           families.value_or(ProtocolFamilies{true, true}));
        if (!found) {
            log_info("Destination address lookup failed: {}", found.error().message);
            co_return;
        }
        list = std::move(*found);
    }
    std::string why;
    for (const Server& server : list.servers) {
        auto demand = co_await find_demand(&resolver, options, &list, server);
        if (!demand) {
            why = demand.error().message;
            continue;
        }
        auto looked = co_await probe.look_at(server, *demand, Look::kFirst);
        if (looked) {
            if (options->reconnect_delay.count() > 0) {
                co_await reconnect(&probe, options, destination, tls.get(), server,
                                   std::move(*demand));
            }
            co_return;
        }
        why = looked.error().message;
    }
    tell_failure(*destination, list.servers.back(), why);
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    load::open_stderr_log("posttls-finger");
    Options options = parse_options(argc, argv);
    configure(options);
    Destination destination = parse_destination(options);
    Loop::current().run_task(finger_destination(&options, &destination));
    return 0;
}
