// static: every user has the same fields, which may hold his name.
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "imapd/auth/databases.h"

namespace relais {

namespace {

class FixedUsers : public AuthDatabase {
  public:
    explicit FixedUsers(AuthParameters fields) : fields_(std::move(fields)) {}

    Task<AuthAnswer> find_password(AuthQuery query) override {
        bool tells = fields_.has("password") || fields_.has("nopassword");
        co_return tells ? expanded(query) : AuthAnswer::unknown();
    }

    Task<AuthAnswer> find_user(AuthQuery query) override { co_return expanded(query); }

    bool has_everybody() const override { return !fields_.has("allow_all_users"); }

    std::optional<std::uint64_t> version() override { return 0; }

  private:
    AuthAnswer expanded(const AuthQuery& query) const {
        UserVariables variables = query.variables();
        AuthParameters fields;
        for (const auto& [name, value] : fields_.all()) {
            fields.set(name, variables.expand(value));
        }
        return AuthAnswer::found(std::move(fields));
    }

    AuthParameters fields_;
};

}  // namespace

OpenedAuthDatabase open_auth_static(std::string_view text) {
    AuthParameters fields;
    for (std::string_view word : split_words(text)) {
        auto parts = split_first(word, '=');
        fields.set(parts ? parts->first : word, parts ? parts->second : "");
        if (parts && !AuthQuery().variables().unknown(parts->second).empty()) {
            return fail(Errc::kSyntax, format("{}: unknown variable", word));
        }
    }
    return std::make_unique<FixedUsers>(std::move(fields));
}

}  // namespace relais
