// The server's half of the SASL mechanisms that carry a password in the clear: PLAIN (RFC 4616)
// and LOGIN.  Sans I/O: responses in, challenges out, and in the end the credentials to check.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

struct Credentials {
    std::string authorization;  // whom to act as; empty: the user itself
    std::string user;
    std::string password;
};

struct SaslStep {
    enum class Kind { kChallenge, kCredentials, kMalformed };
    Kind kind = Kind::kMalformed;
    std::string challenge;  // not base64
    Credentials credentials;
};

class SaslMechanism {
  public:
    SaslMechanism() = default;
    SaslMechanism(const SaslMechanism&) = delete;
    SaslMechanism& operator=(const SaslMechanism&) = delete;
    virtual ~SaslMechanism() = default;

    // `response` is decoded; nothing stands for "no initial response".
    [[nodiscard]] virtual SaslStep step(std::optional<std::string_view> response) = 0;

    // Null for a mechanism that is not known.
    [[nodiscard]] static std::unique_ptr<SaslMechanism> make(std::string_view name);
};

}  // namespace relais
