#include "smtp/delivery.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

#include "smtp/transfer.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

Delivery::Delivery(Client* client, const DeliveryRequest* request, int queue_fd)
    : client_(client), request_(request), queue_fd_(queue_fd), recipients_(request, queue_fd) {
}

// Mail that waited for a while already is sent in the clear rather than not at all.
bool Delivery::plaintext_will_do(const Session& session) const {
    auto waited = request_->times.active_arrival.tv_sec - request_->times.incoming_arrival.tv_sec;
    return session.tls_failed && waited >= conf().minimal_backoff_time().count();
}

Task<bool> Delivery::wants_caching() {
    const std::string& nexthop = request_->nexthop;
    bool on_demand = (request_->flags & kStoreConnection) != 0 || client_->pool.in_demand(nexthop);
    if (client_->settings.cache_on_demand && on_demand) {
        co_return true;
    }
    if (client_->cache_destinations.empty()) {
        co_return false;
    }
    Match match = co_await client_->cache_destinations.match(nexthop);
    co_return match == Match::kYes;
}

Task<std::unique_ptr<Session>> Delivery::open_session(const ServerAddress* server,
                                                      std::uint16_t port) {
    ConnectResult connected = co_await connect_server(&client_->settings, *server, port);
    if (!connected.session) {
        log_info("{}", connected.why.reason);
        why_ = std::move(connected.why);
    }
    recipients_.use_session(connected.session.get());
    co_return std::move(connected.session);
}

namespace {

DeliveryStatus broken_off(const Session& session, bool timed_out) {
    std::string_view words = timed_out ? "conversation with {} timed out while {}" : "";
    return local_trouble("4.4.2", words.empty() ? format("lost connection with {} while {}",
                                                         session.name(), session.doing())
                                                : format("conversation with {} timed out while {}",
                                                         session.name(), session.doing()));
}

}  // namespace

// True when the server is ready for mail.
Task<bool> Delivery::greet(Session* session, HandshakeOptions options) {
    std::optional<DeliveryStatus> trouble;
    try {
        trouble = co_await shake_hands(client_, session, std::move(options));
        if (!trouble) {
            co_return true;
        }
    } catch (const TimedOut&) {
        session->reusable = false;
        trouble = broken_off(*session, true);
    } catch (const IoError&) {
        session->reusable = false;
        trouble = broken_off(*session, false);
    }
    if (plaintext_will_do(*session)) {
        co_return false;
    }
    co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    co_return false;
}

Task<void> Delivery::send_over(Session* session) {
    recipients_.connection_done();
    std::optional<DeliveryStatus> trouble;
    try {
        co_await transfer(client_, session, request_, queue_fd_, &recipients_);
    } catch (const TimedOut&) {
        trouble = broken_off(*session, true);
    } catch (const IoError&) {
        trouble = broken_off(*session, false);
    }
    if (trouble) {
        session->reusable = false;
        co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    }
}

Task<void> Delivery::put_away(std::unique_ptr<Session> session, Ready ready) {
    const Settings& settings = client_->settings;
    bool wanted = co_await wants_caching();
    bool keep =
        ready == Ready::kYes && wanted && session->reusable && session->best_mx &&
        !session->usable_until.passed() &&
        (!session->tls || session->tls_policy.reuse_connections) &&
        (settings.reuse_count_limit == 0 || session->reuse_count < settings.reuse_count_limit);
    if (keep) {
        client_->pool.keep(request_->nexthop, std::move(session));
    } else if (session->reusable) {
        co_await close_session(&settings, std::move(session));
    }
}

Task<void> Delivery::try_kept_connection() {
    std::unique_ptr<Session> session = client_->pool.take(request_->nexthop);
    if (!session) {
        co_return;
    }
    ++session->reuse_count;
    recipients_.use_session(session.get());
    co_await send_over(session.get());
    recipients_.next_server();
    co_await put_away(std::move(session), Ready::kYes);
}

Task<void> Delivery::try_servers(const Destination* destination, const ServerList* list,
                                 const TlsPolicy* policy, Last last) {
    const Settings& settings = client_->settings;
    int addresses = 0;
    int sessions = 0;
    bool more = true;
    bool in_the_clear = false;
    for (std::size_t i = 0; i < list->servers.size() && more && recipients_.left() > 0; ++i) {
        more =
            i + 1 < list->servers.size() && (in_the_clear || ++addresses != settings.address_limit);
        const ServerAddress& server = list->servers[i];
        std::unique_ptr<Session> session = co_await open_session(&server, destination->port);
        if (!session) {
            in_the_clear = false;
            continue;
        }
        session->best_mx = server.preference == list->best_preference;
        recipients_.set_final(!more && last == Last::kYes);
        HandshakeOptions options;
        options.nexthop = destination->text;
        options.tls = *policy;
        options.loop_detection = list->loop_detection;
        if (in_the_clear) {
            options.tls.level = TlsLevel::kNone;
        }
        bool was_in_the_clear = in_the_clear;
        in_the_clear = false;
        bool ready = co_await greet(session.get(), std::move(options));
        if (!ready && !was_in_the_clear && plaintext_will_do(*session)) {
            in_the_clear = true;  // the same server once more
            more = true;
            --i;
            continue;
        }
        if (ready) {
            more = more && ++sessions != settings.session_limit;
            recipients_.set_final(!more && last == Last::kYes);
            co_await send_over(session.get());
        }
        recipients_.next_server();
        co_await put_away(std::move(session), ready ? Ready::kYes : Ready::kNo);
    }
}

Task<void> Delivery::try_unix_socket(Destination destination) {
    ServerAddress server;
    server.host = client_->settings.my_hostname;
    server.address = destination.unix_path;
    ServerList list;
    list.servers.push_back(std::move(server));
    destination.port = 0;
    TlsPolicy no_tls;
    co_await try_servers(&destination, &list, &no_tls, Last::kYes);
}

Task<void> Delivery::try_site(std::string site, Last last) {
    recipients_.use_session(nullptr);
    auto destination = parse_destination(site, client_->settings);
    if (!destination) {
        log_warning("{}: {}", site, destination.error().message);
        why_ = local_trouble("4.3.5", destination.error().message);
        co_return;
    }
    if (!destination->unix_path.empty()) {
        co_await try_unix_socket(std::move(*destination));
        co_return;
    }
    auto policy = co_await client_->tls_policies.find(site);
    if (!policy) {
        log_warning("{}", policy.error().message);
        log_warning("TLS policy lookup for {}/{}: client TLS configuration problem", site,
                    destination->host);
        why_ = local_trouble("4.7.5", "client TLS configuration problem");
        co_return;
    }
    ServerList list = co_await find_servers(&client_->resolver, &client_->settings, *destination);
    loops_ = list.loops;
    if (list.servers.empty()) {
        why_ = std::move(list.why);
        co_return;
    }
    co_await try_servers(&*destination, &list, &*policy, last);
}

// What is left when all servers of all destinations were tried, or there were none.
Task<void> Delivery::give_up() {
    recipients_.use_session(nullptr);
    recipients_.set_final(true);
    if (why_.status.empty()) {
        why_ = local_trouble("4.3.0", "server unavailable or unable to receive mail");
    } else if (!is_soft(why_)) {
        // Trouble with what the administrator has configured is not the sender's fault.
        if (fallback_tried_) {
            log_warning("{}_fallback_relay configuration problem", client_->settings.prefix);
            why_.status = "4.3.5";
        } else if (request_->nexthop == client_->settings.relayhost) {
            log_warning("relayhost configuration problem");
            why_.status = "4.3.5";
        }
    }
    co_await recipients_.all_failed(why_, Throttle::kYes);
}

Task<DeliveryReply> Delivery::run() {
    client_->pool.delivery_begins(request_->nexthop);
    co_await try_kept_connection();
    std::vector<std::string> sites = split_nexthop(request_->nexthop);
    std::size_t own_sites = sites.size();
    for (const std::string& relay : client_->settings.fallback_relays) {
        sites.push_back(relay);
    }
    for (std::size_t i = 0; i < sites.size() && recipients_.left() > 0; ++i) {
        fallback_tried_ = i >= own_sites;
        co_await try_site(sites[i], i + 1 == sites.size() ? Last::kYes : Last::kNo);
    }
    if (recipients_.left() > 0) {
        co_await give_up();
    }
    client_->pool.delivery_ends(request_->nexthop);
    co_return recipients_.reply();
}

}  // namespace relais::smtp_client
