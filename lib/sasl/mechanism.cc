#include "lib/sasl/mechanism.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <unistd.h>

#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/bearer.h"
#include "lib/sasl/digest_md5.h"
#include "lib/sasl/password.h"
#include "lib/sasl/scram.h"

namespace relais {

namespace {

constexpr std::size_t kMd5Size = 16;

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

SaslStep malformed() {
    return {};
}

// "first NUL user NUL third", all that there is: the form of PLAIN, and of APOP from pop3-login.
struct Triple {
    std::string_view first;
    std::string_view user;
    std::string_view third;
};

std::optional<Triple> nul_triple(std::string_view response) {
    auto one = split_first(response, '\0');
    auto two = one ? split_first(one->second, '\0') : std::nullopt;
    if (!two || two->first.empty()) {
        return std::nullopt;
    }
    return Triple{one->first, two->first, two->second};
}

// RFC 4616: [authzid] NUL authcid NUL passwd
class PlainMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return SaslStep::ask("");
        }
        auto parts = nul_triple(*response);
        if (!parts || parts->third.contains('\0')) {
            return malformed();
        }
        Credentials credentials;
        credentials.authorization = parts->first;
        credentials.user = parts->user;
        credentials.password = parts->third;
        return SaslStep::finish(std::move(credentials));
    }
};

// Asks for the name and then for the password.  Never standardised; the prompts are what all do.
class LoginMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return SaslStep::ask("Username:");
        }
        if (response->find('\0') != std::string_view::npos) {
            return malformed();
        }
        if (!user_) {
            user_ = *response;
            return user_->empty() ? malformed() : SaslStep::ask("Password:");
        }
        Credentials credentials;
        credentials.user = *user_;
        credentials.password = *response;
        return SaslStep::finish(std::move(credentials));
    }

  private:
    std::optional<std::string> user_;
};

// challenge NUL name NUL digest, from a front that has made the challenge: Dovecot's form.
class ApopMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        auto parts = response ? nul_triple(*response) : std::nullopt;
        if (!parts || parts->third.size() != kMd5Size) {
            return malformed();
        }
        Credentials credentials;
        credentials.challenge = parts->first;
        credentials.user = parts->user;
        credentials.digest = parts->third;
        return SaslStep::finish(std::move(credentials));
    }
};

// RFC 2195: a challenge that is new each time, and "name digest" in hexadecimal.
class CramMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (challenge_.empty()) {
            challenge_ = "<" + hex_encode(random_secret(16)) + "@" + host_name() + ">";
            return response && !response->empty() ? malformed() : SaslStep::ask(challenge_);
        }
        auto parts = response ? split_last(*response, ' ') : std::nullopt;
        auto digest = parts ? hex_decode(parts->second) : std::nullopt;
        if (!digest || digest->size() != kMd5Size || parts->first.empty() ||
            parts->first.contains('\0')) {
            return malformed();
        }
        Credentials credentials;
        credentials.user = parts->first;
        credentials.challenge = challenge_;
        credentials.digest = std::move(*digest);
        return SaslStep::finish(std::move(credentials));
    }

  private:
    std::string challenge_;
};

// RFC 4422 A: TLS has told who it is.
class ExternalMechanism : public SaslMechanism {
  public:
    explicit ExternalMechanism(std::string name) : name_(std::move(name)) {}

    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return SaslStep::ask("");
        }
        if (name_.empty() || response->contains('\0')) {
            return malformed();
        }
        Credentials credentials;
        credentials.user = name_;
        credentials.authorization = *response;
        return SaslStep::finish(std::move(credentials));
    }

  private:
    std::string name_;
};

// RFC 4505: what the client says of itself is for nobody.
class AnonymousMechanism : public SaslMechanism {
  public:
    explicit AnonymousMechanism(std::string user) : user_(std::move(user)) {}

    SaslStep step(std::optional<std::string_view> response) override {
        if (!response) {
            return SaslStep::ask("");
        }
        Credentials credentials;
        credentials.user = user_;
        credentials.proof = Proof::kVouched;
        return SaslStep::finish(std::move(credentials));
    }

  private:
    std::string user_;
};

// RFC 4752: its steps are made elsewhere.
class GssapiMechanism : public SaslMechanism {
  public:
    SaslStep step(std::optional<std::string_view> response) override {
        if (!response && !begun_) {
            return SaslStep::ask("");
        }
        begun_ = true;
        SaslStep step;
        step.kind = SaslStep::Kind::kForeign;
        step.credentials.password = response.value_or("");
        return step;
    }

  private:
    bool begun_ = false;
};

using Maker = std::unique_ptr<SaslMechanism> (*)(const SaslContext&);

template <class Mechanism>
std::unique_ptr<SaslMechanism> make_plain(const SaslContext& /*context*/) {
    return std::make_unique<Mechanism>();
}

template <ScramHash kHash, ScramBinding kBinding>
std::unique_ptr<SaslMechanism> make_scram(const SaslContext& context) {
    return make_scram_mechanism(kHash, context.bindings, kBinding);
}

template <BearerForm kForm>
std::unique_ptr<SaslMechanism> make_bearer(const SaslContext& context) {
    return make_bearer_mechanism(kForm, context.token_configuration);
}

struct Known {
    std::string_view name;
    Maker make;
};

constexpr Known kKnown[] = {
    {"PLAIN", make_plain<PlainMechanism>},
    {"LOGIN", make_plain<LoginMechanism>},
    {"CRAM-MD5", make_plain<CramMechanism>},
    {"APOP", make_plain<ApopMechanism>},
    {"DIGEST-MD5",
     [](const SaslContext& context) { return make_digest_md5_mechanism(context.realms); }},
    {"SCRAM-SHA-1", make_scram<ScramHash::kSha1, ScramBinding::kNone>},
    {"SCRAM-SHA-256", make_scram<ScramHash::kSha256, ScramBinding::kNone>},
    {"SCRAM-SHA-1-PLUS", make_scram<ScramHash::kSha1, ScramBinding::kRequired>},
    {"SCRAM-SHA-256-PLUS", make_scram<ScramHash::kSha256, ScramBinding::kRequired>},
    {"OAUTHBEARER", make_bearer<BearerForm::kOauthbearer>},
    {"XOAUTH2", make_bearer<BearerForm::kXoauth2>},
    {"GSSAPI", make_plain<GssapiMechanism>},
    {"EXTERNAL",
     [](const SaslContext& context) -> std::unique_ptr<SaslMechanism> {
         return std::make_unique<ExternalMechanism>(context.certificate_name);
     }},
    {"ANONYMOUS",
     [](const SaslContext& context) -> std::unique_ptr<SaslMechanism> {
         return std::make_unique<AnonymousMechanism>(context.anonymous_user);
     }},
};

}  // namespace

SaslStep SaslMechanism::secret(std::optional<std::string_view> /*stored*/,
                               std::string_view /*default_scheme*/) {
    return {};
}

std::unique_ptr<SaslMechanism> SaslMechanism::make(std::string_view name,
                                                   const SaslContext& context) {
    const auto* known = std::ranges::find_if(
        kKnown, [name](const Known& each) { return iequals(each.name, name); });
    return known == std::end(kKnown) ? nullptr : known->make(context);
}

}  // namespace relais
