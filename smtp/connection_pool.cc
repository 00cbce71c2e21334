#include "smtp/connection_pool.h"

#include <poll.h>

namespace relais::smtp_client {

bool is_silent(Session& session) {
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

std::unique_ptr<Session> ConnectionPool::take(std::string Session::Labels::* which,
                                              const std::string& label) {
    // The youngest first: it is the least likely to be closed by the server.
    for (auto it = waiting_.end(); it != waiting_.begin();) {
        --it;
        if (it->session->labels.*which != label) {
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

std::unique_ptr<Session> ConnectionPool::take_for_destination(const std::string& label) {
    return take(&Session::Labels::destination, label);
}

std::unique_ptr<Session> ConnectionPool::take_for_endpoint(const std::string& label) {
    return take(&Session::Labels::endpoint, label);
}

void ConnectionPool::keep(std::unique_ptr<Session> session) {
    Waiting waiting;
    waiting.session = std::move(session);
    waiting.until = Deadline::after(time_limit_);
    waiting_.push_back(std::move(waiting));
}

ConnectionPool::Waiting ConnectionPool::take_oldest() {
    Waiting oldest;
    if (!waiting_.empty()) {
        oldest = std::move(waiting_.front());
        waiting_.pop_front();
    }
    return oldest;
}

Task<void> ConnectionPool::expire(const Settings* settings) {
    for (;;) {
        co_await sleep_for(std::chrono::milliseconds(500));
        while (!waiting_.empty() && waiting_.front().until.passed()) {
            std::unique_ptr<Session> session = take_oldest().session;
            if (is_silent(*session)) {
                co_await close_session(settings, std::move(session));
            }
        }
    }
}

}  // namespace relais::smtp_client
