#include "smtp/courier.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"

#include "smtp/transfer.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

Courier::Courier(Client* client, Delivery* delivery)
    : client_(client), delivery_(delivery), request_(&delivery->request), recipients_(delivery) {
}

// Mail that waited for a while already is sent in the clear rather than not at all.
bool Courier::plaintext_will_do(const Session& session) const {
    auto waited = request_->times.active_arrival.tv_sec - request_->times.incoming_arrival.tv_sec;
    return session.tls_failed && waited >= conf().minimal_backoff_time().count();
}

Task<bool> Courier::wants_caching() {
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

Task<std::unique_ptr<Session>> Courier::open_session(const ServerAddress* server,
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

// Fingerprints in the policy were written for the digest that is the default.
void remark_old_digest(const TlsPolicy& policy, std::string_view prefix) {
    auto which =
        prefix == "lmtp" ? OldDefault::kLmtpFingerprintDigest : OldDefault::kSmtpFingerprintDigest;
    if (policy.level == TlsLevel::kFingerprint && in_force(which)) {
        log_old_default(which, "to compute certificate fingerprints");
    }
}

DeliveryStatus lost_connection(const Session& session) {
    return local_trouble(
        "4.4.2", format("lost connection with {} while {}", session.name(), session.doing()));
}

DeliveryStatus timed_out(const Session& session) {
    return local_trouble("4.4.2", format("conversation with {} timed out while {}", session.name(),
                                         session.doing()));
}

}  // namespace

// True when the server is ready for mail.
Task<bool> Courier::greet(Session* session, HandshakeOptions options) {
    std::optional<DeliveryStatus> trouble;
    try {
        trouble = co_await shake_hands(client_, session, std::move(options));
        if (!trouble) {
            co_return true;
        }
    } catch (const TimedOut&) {
        session->broken = true;
        trouble = timed_out(*session);
    } catch (const IoError&) {
        session->broken = true;
        trouble = lost_connection(*session);
    }
    if (plaintext_will_do(*session)) {
        co_return false;
    }
    co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    co_return false;
}

Task<void> Courier::send_over(Session* session) {
    recipients_.connection_done();
    std::optional<DeliveryStatus> trouble;
    try {
        co_await transfer(client_, session, delivery_, &recipients_);
    } catch (const TimedOut&) {
        trouble = timed_out(*session);
    } catch (const IoError&) {
        trouble = lost_connection(*session);
    } catch (const TableFailure&) {
        trouble = local_data_error(session->name());
    }
    if (trouble) {
        session->broken = true;
        co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    }
}

Task<void> Courier::put_away(std::unique_ptr<Session> session, Ready ready) {
    const Settings& settings = client_->settings;
    bool wanted = co_await wants_caching();
    bool keep =
        ready == Ready::kYes && wanted && session->reusable && !session->broken &&
        session->best_mx && !session->usable_until.passed() &&
        (!session->tls || session->tls_policy.reuse_connections) &&
        (settings.reuse_count_limit == 0 || session->reuse_count < settings.reuse_count_limit);
    if (keep) {
        client_->pool.keep(request_->nexthop, std::move(session));
    } else if (!session->broken) {
        co_await close_session(&settings, std::move(session));
    }
}

Task<void> Courier::try_kept_connection() {
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

Task<Courier::Tried> Courier::try_server(const Turn* turn, TlsPolicy policy) {
    std::unique_ptr<Session> session = co_await open_session(turn->server, turn->destination->port);
    if (!session) {
        co_return Tried::kNoConnection;
    }
    session->best_mx = turn->server->preference == turn->list->best_preference;
    recipients_.set_final(turn->last_for_greeting);
    bool in_the_clear = policy.level == TlsLevel::kNone;
    HandshakeOptions options;
    options.queue_id = request_->queue_id;
    options.nexthop = turn->destination->text;
    options.tls = std::move(policy);
    options.loop_detection = turn->list->loop_detection;
    bool ready = co_await greet(session.get(), std::move(options));
    if (!ready && !in_the_clear && plaintext_will_do(*session)) {
        co_return Tried::kWantsPlaintext;
    }
    if (ready) {
        recipients_.set_final(turn->last_for_mail);
        co_await send_over(session.get());
    }
    recipients_.next_server();
    co_await put_away(std::move(session), ready ? Ready::kYes : Ready::kNo);
    co_return ready ? Tried::kUsed : Tried::kRefused;
}

Task<void> Courier::try_servers(const Destination* destination, const ServerList* list,
                                const TlsPolicy* policy, Last last) {
    const Settings& settings = client_->settings;
    std::size_t count = list->servers.size();
    if (settings.address_limit > 0) {
        count = std::min(count, static_cast<std::size_t>(settings.address_limit));
    }
    int sessions = 0;
    for (std::size_t i = 0; i < count && recipients_.left() > 0; ++i) {
        // Servers that refuse to talk do not count as sessions.
        bool last_session = sessions + 1 == settings.session_limit;
        Turn turn;
        turn.destination = destination;
        turn.list = list;
        turn.server = &list->servers[i];
        turn.last_for_greeting = last == Last::kYes && i + 1 == count;
        turn.last_for_mail = last == Last::kYes && (i + 1 == count || last_session);
        Tried tried = co_await try_server(&turn, *policy);
        if (tried == Tried::kWantsPlaintext) {
            TlsPolicy plaintext = *policy;
            plaintext.level = TlsLevel::kNone;
            tried = co_await try_server(&turn, std::move(plaintext));
        }
        if (tried == Tried::kUsed && ++sessions == settings.session_limit) {
            break;
        }
    }
}

Task<void> Courier::try_unix_socket(Destination destination) {
    ServerAddress server;
    server.host = client_->settings.my_hostname;
    server.address = destination.unix_path;
    ServerList list;
    list.servers.push_back(std::move(server));
    destination.port = 0;
    TlsPolicy no_tls;
    co_await try_servers(&destination, &list, &no_tls, Last::kYes);
}

Task<void> Courier::try_site(std::string site, Last last) {
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
    remark_old_digest(*policy, client_->settings.prefix);
    ServerList list = co_await find_servers(&client_->resolver, &client_->settings, *destination);
    loops_ = list.loops;
    found_self_ = found_self_ || list.found_self;
    if (list.servers.empty()) {
        why_ = std::move(list.why);
        co_return;
    }
    co_await try_servers(&*destination, &list, &*policy, last);
}

// What is left when all servers of all destinations were tried, or there were none.
Task<void> Courier::give_up() {
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
        } else if (loops_ && !client_->settings.best_mx_transport.empty()) {
            co_await recipients_.pass_all(client_->settings.best_mx_transport);
            co_return;
        }
    }
    co_await recipients_.all_failed(why_, Throttle::kYes);
}

Task<void> Courier::run() {
    client_->pool.delivery_begins(request_->nexthop);
    co_await try_kept_connection();
    std::vector<std::string> sites = split_nexthop(request_->nexthop);
    std::size_t own_sites = sites.size();
    for (const std::string& relay : client_->settings.fallback_relays) {
        sites.push_back(relay);
    }
    for (std::size_t i = 0; i < sites.size() && recipients_.left() > 0; ++i) {
        // A mail exchanger of the domain does not hand its mail to any other server.
        if (found_self_ && i >= own_sites) {
            break;
        }
        fallback_tried_ = i >= own_sites;
        co_await try_site(sites[i], i + 1 == sites.size() ? Last::kYes : Last::kNo);
    }
    if (recipients_.left() > 0) {
        co_await give_up();
    }
    client_->pool.delivery_ends(request_->nexthop);
}

}  // namespace relais::smtp_client
