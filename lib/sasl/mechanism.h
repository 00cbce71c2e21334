// The server's half of SASL mechanisms: PLAIN (RFC 4616) and LOGIN carry a password in the clear;
// CRAM-MD5 (RFC 2195) and what pop3-login makes of the command APOP a digest of it and of a
// challenge; SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, 7677) a proof that they look at by
// themselves.  Sans I/O: responses in, challenges out, and in the end the credentials to check.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace relais {

// What a mechanism has found out by itself.  kVouched: so well that no database of passwords is
// asked (Kerberos, and who remains anonymous).
enum class Proof { kNone, kRight, kWrong, kVouched };

struct Credentials {
    std::string authorization;  // whom to act as; empty: the user itself
    std::string user;
    std::string password;
    std::string challenge;  // APOP, CRAM-MD5: instead of the password, of which there is a digest
    std::string digest;
    Proof proof = Proof::kNone;
};

struct SaslStep {
    // kSecret: what is stored of the user in `credentials` is needed to go on.
    enum class Kind { kChallenge, kCredentials, kSecret, kMalformed };
    Kind kind = Kind::kMalformed;
    std::string challenge;  // not base64
    Credentials credentials;

    static SaslStep ask(std::string challenge) {
        return {Kind::kChallenge, std::move(challenge), {}};
    }

    static SaslStep finish(Credentials credentials) {
        return {Kind::kCredentials, "", std::move(credentials)};
    }
};

class SaslMechanism {
  public:
    SaslMechanism() = default;
    SaslMechanism(const SaslMechanism&) = delete;
    SaslMechanism& operator=(const SaslMechanism&) = delete;
    virtual ~SaslMechanism() = default;

    // `response` is decoded; nothing stands for "no initial response".
    [[nodiscard]] virtual SaslStep step(std::optional<std::string_view> response) = 0;

    // The answer to kSecret: the stored password with its scheme (`default_scheme` where it has no
    // prefix); nothing where there is no such user, which the client is not to learn from this.
    [[nodiscard]] virtual SaslStep secret(std::optional<std::string_view> stored,
                                          std::string_view default_scheme);

    // Null for a mechanism that is not known.
    [[nodiscard]] static std::unique_ptr<SaslMechanism> make(std::string_view name);
};

}  // namespace relais
