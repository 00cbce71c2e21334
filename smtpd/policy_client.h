// A policy server (SMTPD_POLICY_README) as smtpd asks it: check_policy_service names one in
// main.cf, and all sessions of the process share its connections.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/ipc/policy_reply.h"
#include "lib/ipc/service_client.h"

namespace relais::smtpd {

// What stands behind check_policy_service.
struct PolicySettings {
    std::string service;   // "inet:127.0.0.1:9998"
    std::string endpoint;  // "private/policy", "127.0.0.1:9998": also its name in the log
    bool is_inet = false;
    std::string default_action;
    std::string context;         // policy_context
    ServiceClientLimits limits;  // tries and delays of a request, and the lives of connections
};

// "unix:private/policy", "inet:host:port" or either with settings: "{ inet:host:port, timeout=10s,
// ... }"; what is not set there comes from the smtpd_policy_service_* parameters.  Mistakes are
// fatal.
[[nodiscard]] PolicySettings parse_policy_settings(std::string_view text);

class PolicyClient {
  public:
    // `text` is the name that warnings about the server's actions have for it.
    explicit PolicyClient(std::string text);
    PolicyClient(const PolicyClient&) = delete;
    PolicyClient& operator=(const PolicyClient&) = delete;

    // The action for a request (a complete list of attributes), or nothing, which is in the log.
    [[nodiscard]] Task<std::optional<std::string>> ask(std::string request);

    const std::string& text() const { return text_; }

    const PolicySettings& settings() const { return settings_; }

  private:
    [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect() const;
    [[nodiscard]] Task<Result<Attributes>> read(Stream* stream) const;
    [[nodiscard]] Result<Attributes> judge(const PolicyReply& reply) const;

    std::string text_;
    PolicySettings settings_;
    ServiceClient connections_;
};

}  // namespace relais::smtpd
