#include "lib/sasl/scram.h"

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sasl/gs2_header.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kNonce = 18;

// "x=value" with this letter; its value.
std::optional<std::string_view> attribute(std::string_view field, char letter) {
    bool fits = field.size() >= 2 && field[0] == letter && field[1] == '=';
    return fits ? std::optional(field.substr(2)) : std::nullopt;
}

class ScramMechanism : public SaslMechanism {
  public:
    ScramMechanism(ScramHash hash, ChannelBindings bindings, ScramBinding required)
        : hash_(hash), bindings_(std::move(bindings)), required_(required) {}

    SaslStep step(std::optional<std::string_view> response) override {
        if (state_ == State::kBegin && !response) {
            return SaslStep::ask("");
        }
        if (!response) {
            return {};
        }
        switch (state_) {
            case State::kBegin:
                return first(*response);
            case State::kProof:
                return last(*response);
            case State::kDone:
                return response->empty() ? finished(Proof::kRight) : SaslStep();
        }
        return {};
    }

    SaslStep secret(std::optional<std::string_view> stored,
                    std::string_view default_scheme) override;

  private:
    enum class State { kBegin, kProof, kDone };

    SaslStep first(std::string_view message);
    SaslStep last(std::string_view message);

    SaslStep finished(Proof proof) {
        credentials_.proof = proof;
        return SaslStep::finish(credentials_);
    }

    ScramHash hash_;
    ChannelBindings bindings_;
    ScramBinding required_;
    State state_ = State::kBegin;
    Credentials credentials_;
    std::string header_;        // of GS2 with the channel's data, as the client repeats it
    std::string first_bare_;    // client-first-message-bare
    std::string server_first_;  // server-first-message
    std::string nonce_;
    std::optional<ScramKeys> keys_;  // nothing: no user, or none with a password for this
};

// gs2-header client-first-message-bare: "n,a=other,n=name,r=nonce".  A client that could bind to
// the channel, and was told by somebody in between that we cannot, says 'y'.
SaslStep ScramMechanism::first(std::string_view message) {
    auto header = parse_gs2_header(message);
    if (!header) {
        return {};
    }
    bool binds = header->flag == 'p';
    std::string channel = binds ? bindings_.find(header->binding) : "";
    bool deceived = header->flag == 'y' && bindings_.any();
    if (binds != (required_ == ScramBinding::kRequired) || (binds && channel.empty()) || deceived) {
        return {};
    }
    std::string_view bare = message.substr(header->length);
    auto fields = split_fields(bare, ',');
    auto name = attribute(fields[0], 'n') ? decode_gs2_name(fields[0].substr(2)) : std::nullopt;
    auto nonce = fields.size() >= 2 ? attribute(fields[1], 'r') : std::nullopt;
    if (!name || !nonce || nonce->empty()) {
        return {};
    }
    credentials_.authorization = std::move(header->authorization);
    credentials_.user = std::move(*name);
    header_ = std::string(message.substr(0, header->length)) + channel;
    first_bare_ = bare;
    nonce_ = std::string(*nonce) + base64_encode(random_secret(kNonce));
    SaslStep step;
    step.kind = SaslStep::Kind::kSecret;
    step.credentials = credentials_;
    return step;
}

SaslStep ScramMechanism::secret(std::optional<std::string_view> stored,
                                std::string_view default_scheme) {
    keys_ = stored ? scram_keys(hash_, *stored, default_scheme) : std::nullopt;
    // Who does not exist has a salt as well.
    constexpr unsigned kIterations = 4096;
    server_first_ =
        format("r={},s={},i={}", nonce_, base64_encode(keys_ ? keys_->salt : random_secret(16)),
               keys_ ? keys_->iterations : kIterations);
    state_ = State::kProof;
    return SaslStep::ask(server_first_);
}

// "c=header,r=nonce,...,p=proof"
SaslStep ScramMechanism::last(std::string_view message) {
    auto fields = split_fields(message, ',');
    auto binding = attribute(fields[0], 'c');
    auto nonce = fields.size() >= 3 ? attribute(fields[1], 'r') : std::nullopt;
    auto proof = attribute(fields.back(), 'p');
    auto bytes = proof ? base64_decode(*proof) : std::nullopt;
    if (!binding || base64_decode(*binding) != header_ || !nonce || *nonce != nonce_ || !bytes) {
        return {};
    }
    if (!keys_ || bytes->size() != keys_->stored_key.size()) {
        return finished(Proof::kWrong);
    }
    std::string_view without_proof = message.substr(0, message.size() - fields.back().size() - 1);
    std::string all = format("{},{},{}", first_bare_, server_first_, without_proof);
    std::string key = scram_hmac(hash_, keys_->stored_key, all);
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<char>(key[i] ^ (*bytes)[i]);
    }
    if (!equal_secrets(scram_digest(hash_, key), keys_->stored_key)) {
        return finished(Proof::kWrong);
    }
    state_ = State::kDone;
    return SaslStep::ask("v=" + base64_encode(scram_hmac(hash_, keys_->server_key, all)));
}

}  // namespace

std::unique_ptr<SaslMechanism> make_scram_mechanism(ScramHash hash, ChannelBindings bindings,
                                                    ScramBinding required) {
    return std::make_unique<ScramMechanism>(hash, std::move(bindings), required);
}

}  // namespace relais
