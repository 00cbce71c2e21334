#include "smtp/connection_pool.h"

#include <poll.h>

namespace relais::smtp_client {

// A server that has something to say to an idle client says goodbye.
static bool is_silent(Session& session) {
    pollfd poll_fd{session.stream().fd(), POLLIN, 0};
    return session.stream().buffered().empty() && ::poll(&poll_fd, 1, 0) == 0;
}

bool ConnectionPool::in_demand(const std::string& destination) const {
    auto busy = busy_.find(destination);
    return busy != busy_.end() && busy->second > 1;
}

void ConnectionPool::delivery_ends(const std::string& destination) {
    auto busy = busy_.find(destination);
    if (busy != busy_.end() && --busy->second == 0) {
        busy_.erase(busy);
    }
}

std::unique_ptr<Session> ConnectionPool::take(const std::string& destination) {
    // The youngest first: it is the least likely to be closed by the server.
    for (auto it = waiting_.end(); it != waiting_.begin();) {
        --it;
        if (it->destination != destination) {
            continue;
        }
        std::unique_ptr<Session> session = std::move(it->session);
        it = waiting_.erase(it);
        if (!session->usable_until.passed() && is_silent(*session)) {
            return session;
        }
    }
    return nullptr;
}

void ConnectionPool::keep(const std::string& destination, std::unique_ptr<Session> session) {
    if (time_limit_.count() <= 0 || waiting_.size() >= kMost) {
        return;
    }
    Waiting waiting;
    waiting.destination = destination;
    waiting.session = std::move(session);
    waiting.until = Deadline::after(time_limit_);
    waiting_.push_back(std::move(waiting));
}

Task<void> ConnectionPool::expire(const Settings* settings) {
    for (;;) {
        co_await sleep_for(std::chrono::milliseconds(500));
        while (!waiting_.empty() && waiting_.front().until.passed()) {
            std::unique_ptr<Session> session = std::move(waiting_.front().session);
            waiting_.pop_front();
            if (is_silent(*session)) {
                co_await close_session(settings, std::move(session));
            }
        }
    }
}

Task<void> ConnectionPool::close_all(const Settings* settings) {
    while (!waiting_.empty()) {
        std::unique_ptr<Session> session = std::move(waiting_.front().session);
        waiting_.pop_front();
        co_await close_session(settings, std::move(session));
    }
}

}  // namespace relais::smtp_client
