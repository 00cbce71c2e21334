// The table of clients: see the header.
#include "services/anvil/client_table.h"

#include "lib/base/format.h"
#include "lib/base/log.h"

namespace relais::anvil {
namespace {

constexpr std::array<std::string_view, kRates> kRateNames = {"connection", "message", "recipient",
                                                             "newtls", "auth"};

// "Nov 21 07:57:05"
std::string short_date(std::time_t when) {
    std::tm local{};
    localtime_r(&when, &local);
    std::array<char, 32> text{};
    const auto length = std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &local);
    return {text.data(), length};
}

}  // namespace

void ClientTable::note(Maximum& maximum, int value, std::string_view ident, std::time_t now) {
    if (value > maximum.value) {
        maximum.value = value;
        maximum.ident = ident;
        maximum.when = now;
    }
}

Client& ClientTable::touch(std::string_view ident, std::time_t now) {
    auto found = clients_.find(ident);
    if (found == clients_.end()) {
        found = clients_.emplace(std::string(ident), Client()).first;
        found->second.window_start = now;
        found->second.idle_since = now;
        note(most_clients_, static_cast<int>(clients_.size()), "", now);
    }
    auto& client = found->second;
    if (now > client.window_start + unit_) {
        client.rates.fill(0);
        client.window_start = now;
    }
    return client;
}

Client& ClientTable::connect(std::string_view ident, std::time_t now) {
    auto& client = touch(ident, now);
    client.sessions += 1;
    note(most_sessions_, client.sessions, ident, now);
    (void)add(Rate::kConnection, ident, now);
    return client;
}

void ClientTable::disconnect(std::string_view ident, std::time_t now) {
    const auto found = clients_.find(ident);
    if (found != clients_.end() && found->second.sessions > 0) {
        found->second.sessions -= 1;
        found->second.idle_since = now;
    }
}

int ClientTable::add(Rate rate, std::string_view ident, std::time_t now) {
    const auto i = static_cast<std::size_t>(rate);
    auto& client = touch(ident, now);
    client.rates[i] += 1;
    note(most_rates_[i], client.rates[i], ident, now);
    return client.rates[i];
}

int ClientTable::current(Rate rate, std::string_view ident, std::time_t now) {
    const auto found = clients_.find(ident);
    if (found == clients_.end() || now > found->second.window_start + unit_) {
        return 0;
    }
    return found->second.rates[static_cast<std::size_t>(rate)];
}

const Client* ClientTable::find(std::string_view ident) const {
    const auto found = clients_.find(ident);
    return found == clients_.end() ? nullptr : &found->second;
}

void ClientTable::expire(std::time_t now) {
    std::erase_if(clients_, [&](const auto& entry) {
        return entry.second.sessions == 0 && now > entry.second.idle_since + unit_;
    });
}

void ClientTable::log_statistics() {
    for (std::size_t i = 0; i < kRates; ++i) {
        const auto& most = most_rates_[i];
        if (most.value > 0) {
            log_info("statistics: max {} rate {}/{}s for ({}) at {}", kRateNames[i], most.value,
                     unit_, most.ident, short_date(most.when));
        }
        if (i == 0 && most_sessions_.value > 0) {
            log_info("statistics: max connection count {} for ({}) at {}", most_sessions_.value,
                     most_sessions_.ident, short_date(most_sessions_.when));
        }
    }
    if (most_clients_.value > 0) {
        log_info("statistics: max cache size {} at {}", most_clients_.value,
                 short_date(most_clients_.when));
    }
    most_sessions_ = {};
    most_rates_ = {};
    most_clients_ = {};
}

}  // namespace relais::anvil
