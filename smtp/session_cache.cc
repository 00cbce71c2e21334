#include "smtp/session_cache.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"

#include "smtp/saved_session.h"

namespace relais::smtp_client {

namespace {

// Servers hang up on idle clients; one connection after the other may turn out to be dead.
constexpr int kMostDead = 5;
constexpr auto kTimeToGiveAway = std::chrono::seconds(1);

// TLS lives in this process.
bool can_travel(Session& session) {
    return (!session.tls || !session.proxied_tls.empty()) && is_silent(session) &&
           session.stream().unsent() == 0;
}

}  // namespace

SessionCache::SessionCache(const Settings* settings)
    : pool(settings->cache_time_limit),
      settings_(settings),
      others_("private/" + conf().connection_cache_service_name(),
              conf().connection_cache_protocol_timeout()) {
}

// False: it is still ours.
Task<bool> SessionCache::give_away(Session* session, std::chrono::seconds ttl) {
    if (!can_travel(*session)) {
        co_return false;
    }
    const Session::Labels& labels = session->labels;
    if (!labels.destination.empty()) {
        const bool saved = co_await others_.save_destination(
            labels.destination, destination_properties(*session), labels.endpoint, ttl);
        if (!saved) {
            co_return false;
        }
    }
    const bool saved = co_await others_.save_endpoint(
        labels.endpoint, endpoint_properties(*session), session->stream().fd(), ttl);
    if (saved) {
        co_await report_faults(settings_, session);
    }
    co_return saved;
}

Task<void> SessionCache::keep(std::unique_ptr<Session> session) {
    if (process_info().sessions == 1 || pool.is_full()) {
        const bool given = co_await give_away(session.get(), settings_->cache_time_limit);
        if (given) {
            co_return;
        }
    }
    if (pool.is_full()) {
        co_await close_session(settings_, std::move(session));
    } else {
        pool.keep(std::move(session));
    }
}

// Null where it is of no use any more.
Task<std::unique_ptr<Session>> SessionCache::adopt(KeptConnection kept, ServerAddress server,
                                                   const std::string* label) {
    auto restored = restore_session(*settings_, std::move(kept), std::move(server));
    if (!restored) {
        log_warning("bad cached session attribute for {}: {}", printable(*label),
                    restored.error().message);
        co_return nullptr;
    }
    std::unique_ptr<Session> session = std::move(*restored);
    if (session->usable_until.passed() || !is_silent(*session)) {
        co_return nullptr;
    }
    co_await note_verbosity(settings_, session.get());
    co_return std::move(session);
}

Task<std::unique_ptr<Session>> SessionCache::take_for_destination(std::string label,
                                                                  Search search) {
    std::unique_ptr<Session> session = pool.take_for_destination(label);
    for (int i = 0; i < kMostDead && !session && search == Search::kEverywhere; ++i) {
        auto kept = co_await others_.find_destination(label);
        if (!kept) {
            break;
        }
        session = co_await adopt(std::move(*kept), {}, &label);
    }
    co_return std::move(session);
}

Task<std::unique_ptr<Session>> SessionCache::take_for_endpoint(std::string label,
                                                               ServerAddress server) {
    std::unique_ptr<Session> session = pool.take_for_endpoint(label);
    for (int i = 0; i < kMostDead && !session; ++i) {
        auto kept = co_await others_.find_endpoint(label);
        if (!kept) {
            break;
        }
        session = co_await adopt(std::move(*kept), server, &label);
    }
    if (session) {
        session->call_host(std::move(server.host));
    }
    co_return std::move(session);
}

Task<bool> SessionCache::give_all_away() {
    for (;;) {
        ConnectionPool::Waiting waiting = pool.take_oldest();
        if (!waiting.session) {
            co_return true;
        }
        const auto left = std::chrono::ceil<std::chrono::seconds>(waiting.until.remaining());
        bool given = false;
        if (left.count() > 0 && others_.usable()) {
            given = co_await give_away(waiting.session.get(), left);
        }
        if (!given) {
            co_await close_session(settings_, std::move(waiting.session));
        }
    }
}

Task<void> SessionCache::close() {
    co_await with_timeout(kTimeToGiveAway, give_all_away());
    while (std::unique_ptr<Session> session = pool.take_oldest().session) {
        co_await close_session(settings_, std::move(session));
    }
}

}  // namespace relais::smtp_client
