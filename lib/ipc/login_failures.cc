#include "lib/ipc/login_failures.h"

#include <array>

#include <arpa/inet.h>

#include "lib/base/socket_address.h"

namespace relais {

namespace {

std::string failure_ident(std::string_view client) {
    return AnvilClient::ident("login-failure", client);
}

}  // namespace

std::string client_network(std::string_view address) {
    auto parsed = SocketAddress::parse(address, 0);
    if (!parsed) {
        return std::string(address);
    }
    auto plain = SocketAddress::from(parsed->data(), parsed->size());  // IPv4 out of its wrapping
    if (plain.family() == AF_INET) {
        return plain.host();
    }
    std::string bytes(plain.bytes().substr(0, 8));
    bytes.resize(16);
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
    return std::string(text.data()) + "/64";
}

LoginFailures::Attempt::~Attempt() {
    if (going_) {
        --going_->attempts;
        going_->ends.wake_all();
    }
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
        auto failures = co_await anvil_.current(AnvilEvent::kAuth, failure_ident(attempt.client_));
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
    if (attempt.going_) {
        (void)co_await anvil_.rate(AnvilEvent::kAuth, failure_ident(attempt.client_));
    }
}

}  // namespace relais
