#include "lib/ipc/login_failures.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "lib/base/format.h"
#include "lib/base/socket_address.h"
#include "lib/config/config.h"

namespace relais {

namespace {

std::string failure_ident(std::string_view client) {
    return AnvilClient::ident("login-failure", client);
}

std::string shared_key(std::string_view client) {
    return format("relais:login-failures:{}", client);
}

}  // namespace

std::string client_network(std::string_view address, PrefixLengths lengths) {
    auto parsed = SocketAddress::parse(address, 0);
    if (!parsed) {
        return std::string(address);
    }
    auto plain = SocketAddress::from(parsed->data(), parsed->size());  // IPv4 out of its wrapping
    const bool is_ipv4 = plain.family() == AF_INET;
    const int length = is_ipv4 ? lengths.ipv4 : lengths.ipv6;
    std::string bytes(plain.bytes());
    if (length < 0 || static_cast<std::size_t>(length) >= 8 * bytes.size()) {
        return plain.host();
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int kept = std::clamp(length - static_cast<int>(8 * i), 0, 8);
        bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) & (0xff00U >> kept));
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
    return std::string(text.data()) + "/" + std::to_string(length);
}

LoginFailures::Attempt::~Attempt() {
    if (going_) {
        --going_->attempts;
        going_->ends.wake_all();
    }
}

LoginFailures::LoginFailures(AnvilClient& anvil, int limit)
    : anvil_(anvil), shared_(conf().login_shared_server()), limit_(limit) {
}

Task<std::optional<int>> LoginFailures::failures_of(std::string client) {
    auto here = co_await anvil_.current(AnvilEvent::kAuth, failure_ident(client));
    if (!shared_.is_set()) {
        co_return here;
    }
    auto together = co_await shared_.count(shared_key(client));
    co_return together ? std::max(here.value_or(0), *together) : here;
}

Task<LoginFailures::Attempt> LoginFailures::begin(std::string address) {
    Attempt attempt;
    if (limit_ <= 0) {
        co_return attempt;
    }
    attempt.client_ = client_network(address);
    std::erase_if(going_, [](const auto& entry) { return entry.second.use_count() == 1; });
    std::shared_ptr<Going>& entry = going_[attempt.client_];
    if (!entry) {
        entry = std::make_shared<Going>();
    }
    std::shared_ptr<Going> going = entry;
    for (;;) {
        auto failures = co_await failures_of(attempt.client_);
        if (failures && *failures >= limit_) {
            attempt.refused_ = *failures;
            co_return attempt;
        }
        if (!failures || *failures + going->attempts < limit_) {
            ++going->attempts;
            attempt.going_ = std::move(going);
            co_return attempt;
        }
        co_await going->ends.wait();
    }
}

Task<void> LoginFailures::failed(Attempt attempt) {
    if (!attempt.going_) {
        co_return;
    }
    (void)co_await anvil_.rate(AnvilEvent::kAuth, failure_ident(attempt.client_));
    if (shared_.is_set()) {
        auto unit = std::chrono::duration_cast<std::chrono::seconds>(conf().anvil_rate_time_unit());
        (void)co_await shared_.add_one(shared_key(attempt.client_), unit);
    }
}

}  // namespace relais
