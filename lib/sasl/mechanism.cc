#include "lib/sasl/mechanism.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

SaslStep challenge(std::string text) {
    SaslStep step;
    step.kind = SaslStep::Kind::kChallenge;
    step.challenge = std::move(text);
    return step;
}

SaslStep malformed() {
    return {};
}

SaslStep finished(Credentials credentials) {
    SaslStep step;
    step.kind = SaslStep::Kind::kCredentials;
    step.credentials = std::move(credentials);
    return step;
}

// RFC 4616: [authzid] NUL authcid NUL passwd
class PlainMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return challenge("");
        }
        auto first = response->find('\0');
        auto second = first == std::string_view::npos ? first : response->find('\0', first + 1);
        if (second == std::string_view::npos ||
            response->find('\0', second + 1) != std::string_view::npos || second == first + 1) {
            return malformed();
        }
        Credentials credentials;
        credentials.authorization = response->substr(0, first);
        credentials.user = response->substr(first + 1, second - first - 1);
        credentials.password = response->substr(second + 1);
        return finished(std::move(credentials));
    }
};

// Asks for the name and then for the password.  Never standardised; the prompts are what all do.
class LoginMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return challenge("Username:");
        }
        if (response->find('\0') != std::string_view::npos) {
            return malformed();
        }
        if (!user_) {
            user_ = *response;
            return user_->empty() ? malformed() : challenge("Password:");
        }
        Credentials credentials;
        credentials.user = *user_;
        credentials.password = *response;
        return finished(std::move(credentials));
    }

  private:
    std::optional<std::string> user_;
};

}  // namespace

std::unique_ptr<SaslMechanism> SaslMechanism::make(std::string_view name) {
    if (iequals(name, "PLAIN")) {
        return std::make_unique<PlainMechanism>();
    }
    if (iequals(name, "LOGIN")) {
        return std::make_unique<LoginMechanism>();
    }
    return nullptr;
}

}  // namespace relais
