#include "lib/sasl/bearer.h"

#include "lib/base/format.h"
#include "lib/base/json.h"
#include "lib/base/strings.h"
#include "lib/sasl/gs2_header.h"

namespace relais {

namespace {

constexpr char kSeparator = '\1';

class BearerMechanism : public SaslMechanism {
  public:
    BearerMechanism(BearerForm form, std::string_view configuration)
        : form_(form), configuration_(configuration) {}

    SaslStep step(std::optional<std::string_view> response) override;
    std::optional<std::string> failure_challenge() const override;

  private:
    BearerForm form_;
    std::string configuration_;
};

// The user of OAUTHBEARER stands in the header of GS2, of XOAUTH2 in a field of its own.
SaslStep BearerMechanism::step(std::optional<std::string_view> response) {
    if (!response) {
        return SaslStep::ask("");
    }
    auto fields = split_fields(*response, kSeparator);
    Credentials credentials;
    if (form_ == BearerForm::kOauthbearer) {
        auto header = parse_gs2_header(fields[0]);
        if (!header || !header->binding.empty() || header->length != fields[0].size()) {
            return {};
        }
        credentials.user = header->authorization;
    }
    for (std::string_view field : fields) {
        auto parts = split_first(field, '=');
        std::string_view name = parts ? parts->first : "";
        if (name == "user" && form_ == BearerForm::kXoauth2) {
            credentials.user = parts->second;
        } else if (iequals(name, "auth")) {
            auto words = split_first(parts->second, ' ');
            credentials.password =
                words && iequals(words->first, "bearer") ? trim(words->second) : "";
        }
    }
    if (credentials.user.empty() || credentials.password.empty() ||
        credentials.user.contains('\0')) {
        return {};
    }
    return SaslStep::finish(std::move(credentials));
}

std::optional<std::string> BearerMechanism::failure_challenge() const {
    if (form_ == BearerForm::kXoauth2) {
        return R"({"status":"401","schemes":"bearer","scope":"mail"})";
    }
    std::string where = configuration_.empty()
                            ? ""
                            : format(R"(,"openid-configuration":{})", json_string(configuration_));
    return format(R"({{"status":"invalid_token"{}}})", where);
}

}  // namespace

std::unique_ptr<SaslMechanism> make_bearer_mechanism(BearerForm form,
                                                     std::string_view configuration) {
    return std::make_unique<BearerMechanism>(form, configuration);
}

}  // namespace relais
