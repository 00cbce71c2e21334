// The server's half of SASL mechanisms: PLAIN (RFC 4616) and LOGIN carry a password in the clear;
// CRAM-MD5 (RFC 2195) and what pop3-login makes of the command APOP a digest of it and of a
// challenge; SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, 7677) and DIGEST-MD5 (RFC 2831) a proof that
// they look at by themselves; GSSAPI (RFC 4752) what Kerberos' library looks at; OAUTHBEARER and
// XOAUTH2 a token; EXTERNAL (RFC 4422 A) and ANONYMOUS (RFC 4505) nothing but names.  Sans I/O:
// responses in, challenges out, and in the end the credentials to check.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace relais {

// What a mechanism has found out by itself.  kVouched: so well that no password is looked
// at (Kerberos, and who remains anonymous).
enum class Proof { kNone, kRight, kWrong, kVouched };

// What a connection with TLS can be told apart by (RFC 5056); bytes, empty where it cannot.
struct ChannelBindings {
    std::string exporter;          // tls-exporter, RFC 9266
    std::string server_end_point;  // tls-server-end-point, RFC 5929

    bool any() const { return !exporter.empty() || !server_end_point.empty(); }

    // By its name.
    std::string find(std::string_view kind) const {
        return kind == "tls-exporter"           ? exporter
               : kind == "tls-server-end-point" ? server_end_point
                                                : "";
    }
};

// What mechanisms know beside what the client says.
struct SaslContext {
    std::string certificate_name;  // of the client, where its certificate is trusted
    ChannelBindings bindings;
    std::string realms;  // separated by blanks
    std::string anonymous_user;
    std::string token_configuration;  // a URL, where clients learn how to get one
};

struct Credentials {
    std::string authorization;  // whom to act as; empty: the user itself
    std::string user;
    std::string password;
    std::string challenge;  // APOP, CRAM-MD5: instead of the password, of which there is a digest
    std::string digest;
    Proof proof = Proof::kNone;
};

struct SaslStep {
    // kSecret: what is stored of the user in `credentials` is needed to go on.  kForeign: somebody
    // else is to make the step of this response, which is in their `password`.
    enum class Kind { kChallenge, kCredentials, kSecret, kForeign, kMalformed };
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

    // What the client is told before its login fails, if anything; it answers that.
    virtual std::optional<std::string> failure_challenge() const { return std::nullopt; }

    // Null for a mechanism that is not known.
    [[nodiscard]] static std::unique_ptr<SaslMechanism> make(std::string_view name,
                                                             const SaslContext& context = {});
};

}  // namespace relais
