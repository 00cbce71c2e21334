// static: every user has the same fields, which may hold his name.
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "imapd/auth/databases.h"

namespace relais {

namespace {

class FixedUsers : public AuthDatabase {
  public:
    FixedUsers(AuthParameters fields, bool whoever_is_named)
        : fields_(std::move(fields)), whoever_is_named_(whoever_is_named) {}

    Task<AuthAnswer> find_password(AuthQuery query) override {
        bool tells = fields_.has("password") || fields_.has("nopassword");
        co_return tells ? expanded(query) : AuthAnswer::unknown();
    }

    Task<AuthAnswer> find_user(AuthQuery query) override { co_return expanded(query); }

    bool has_everybody() const override { return !whoever_is_named_; }

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
    bool whoever_is_named_;  // allow_all_users: he exists, whatever the databases of passwords say
};

}  // namespace

OpenedAuthDatabase open_auth_static(std::string_view text) {
    AuthParameters fields;
    bool whoever_is_named = false;
    for (std::string_view word : split_words(text)) {
        if (word == "allow_all_users=yes") {
            whoever_is_named = true;
            continue;
        }
        auto parts = split_first(word, '=');
        fields.set(parts ? parts->first : word, parts ? parts->second : "");
        if (parts && !AuthQuery().variables().unknown(parts->second).empty()) {
            return fail(Errc::kSyntax, format("{}: unknown variable", word));
        }
    }
    return std::make_unique<FixedUsers>(std::move(fields), whoever_is_named);
}

}  // namespace relais
