// The courier and open connections: those that others have kept, and those that he keeps.
#include "lib/config/config.h"

#include "smtp/courier.h"
#include "smtp/proxied_tls.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

// A session belongs to the sender whose name it was opened under.
SessionPurpose Courier::purpose(std::string nexthop) const {
    const bool by_sender =
        client_->logins && client_->logins->by_sender() && client_->settings.has_passwords;
    return {by_sender ? request_->sender : std::string(), std::move(nexthop)};
}

Result<Destination> Courier::first_destination() const {
    const auto sites = split_nexthop(request_->nexthop, client_->settings.protocol);
    return parse_destination(sites.empty() ? std::string_view() : sites.front(), client_->settings);
}

Task<bool> Courier::is_cached_destination() const {
    if (client_->cache_destinations.empty()) {
        co_return false;
    }
    auto destination = first_destination();
    if (!destination) {
        co_return false;
    }
    // A host is named without brackets and port.
    const std::string& name =
        destination->unix_path.empty() ? destination->host : destination->text;
    Match match = co_await client_->cache_destinations.match(name);
    co_return match == Match::kYes;
}

Task<bool> Courier::wants_kept() const {
    if (client_->settings.cache_on_demand && (request_->flags & kLoadConnection) != 0) {
        co_return true;
    }
    co_return co_await is_cached_destination();
}

Task<bool> Courier::wants_caching() const {
    bool on_demand = (request_->flags & kStoreConnection) != 0 ||
                     client_->sessions.pool.in_demand(request_->nexthop);
    if (client_->settings.cache_on_demand && on_demand) {
        co_return true;
    }
    co_return co_await is_cached_destination();
}

namespace {

// Whether somebody is at the other end of a connection that was kept.
Task<bool> answers(const Settings* settings, Session* session) {
    try {
        smtp::Reply reply = co_await session->command("RSET", settings->rset_timeout);
        co_return reply.klass() == 2;
    } catch (const IoError&) {
        co_return false;
    } catch (const TimedOut&) {
        co_return false;
    } catch (const TableFailure&) {
        co_return false;
    }
}

}  // namespace

// The first session that was of use is the one for the destination, whichever server it is with:
// the next mail does not try again those that are down.
void Courier::label(Session& session) {
    const Settings& settings = client_->settings;
    session.labels.destination =
        has_kept_one_ ? std::string() : destination_label(settings, purpose(request_->nexthop));
    session.labels.endpoint = endpoint_label(
        settings, purpose(session.site),
        {session.host(), session.address(), session.port(), session.tls_policy.level});
    has_kept_one_ = true;
}

Task<void> Courier::put_away(std::unique_ptr<Session> session, Ready ready) {
    const Settings& settings = client_->settings;
    bool wanted = co_await wants_caching();
    bool keep =
        ready == Ready::kYes && wanted && session->reusable && !session->broken &&
        !session->usable_until.passed() && !tls_need_not_be() &&
        (!session->tls || session->tls_policy.reuse_connections) &&
        (settings.reuse_count_limit == 0 || session->reuse_count < settings.reuse_count_limit);
    if (keep) {
        label(*session);
        co_await client_->sessions.keep(std::move(session));
    } else if (!session->broken) {
        co_await close_session(&settings, std::move(session));
    } else {
        co_await report_faults(&settings, session.get());
    }
}

Task<Courier::Used> Courier::use_kept(std::unique_ptr<Session> session) {
    if (require_tls_ == RequireTls::kError || require_tls_obstacle(require_tls_, *session)) {
        co_await put_away(std::move(session), Ready::kYes);
        co_return Used::kNo;
    }
    undecided_ = true;
    ++session->reuse_count;
    session->set_reply_filter(&client_->reply_filter, request_->queue_id);
    recipients_.use_session(session.get());
    note_tls(*session);
    log_tls_reuse(client_->settings, *session);
    co_await send_over(session.get());
    recipients_.next_server();
    co_await put_away(std::move(session), Ready::kYes);
    co_return Used::kYes;
}

Task<void> Courier::try_kept_connection() {
    takes_kept_ = co_await wants_kept();
    std::unique_ptr<Session> session = co_await client_->sessions.take_for_destination(
        destination_label(client_->settings, purpose(request_->nexthop)),
        takes_kept_ ? Search::kEverywhere : Search::kHere);
    if (!session) {
        co_return;
    }
    auto destination = first_destination();
    require_tls_ = co_await find_require_tls(destination ? destination->host : std::string());
    co_await use_kept(std::move(session));
}

// A connection with one of the best servers that somebody has kept.
Task<std::unique_ptr<Session>> Courier::find_kept(const Turn* turn, TlsLevel level) {
    if (!takes_kept_ || turn->server->preference != turn->list->best_preference) {
        co_return nullptr;
    }
    const std::string& site = turn->destination->text;
    std::unique_ptr<Session> session = co_await client_->sessions.take_for_endpoint(
        endpoint_label(client_->settings, purpose(site),
                       {turn->server->host, turn->server->address, turn->port(), level}),
        *turn->server);
    // The server's turn does not come again: a connection that is dead must not be taken for it.
    const bool alive = session && co_await answers(&client_->settings, session.get());
    if (!alive) {
        co_return nullptr;
    }
    session->site = site;
    session->best_mx = true;
    co_return std::move(session);
}

}  // namespace relais::smtp_client
