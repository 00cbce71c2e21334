// oauth2: tokens of OAUTHBEARER and XOAUTH2, as a dovecot-oauth2.conf.ext says: signed ones (JWT)
// are looked at here, with keys from files; about others a server is asked (RFC 7662, or its
// userinfo).
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/dovecot_conf.h"
#include "lib/event/blocking.h"
#include "lib/sasl/jwt.h"

#include "imapd/auth/databases.h"
#include "imapd/auth/http_request.h"

namespace relais {

namespace {

constexpr std::size_t kMostKey = 65536;
constexpr std::chrono::seconds kPatience(10);
constexpr std::string_view kFiles = "fs:posix:prefix=";
constexpr std::string_view kVariable = "oauth2:";

// Known, and what they are where the file does not say.
constexpr std::pair<std::string_view, std::string_view> kSettings[] = {
    {"tokeninfo_url", ""},
    {"introspection_url", ""},
    {"introspection_mode", ""},
    {"force_introspection", "no"},
    {"local_validation_key_dict", ""},
    {"scope", ""},
    {"issuers", ""},
    {"client_id", ""},
    {"username_attribute", "email"},
    {"username_format", "%Lu"},
    {"active_attribute", ""},
    {"active_value", ""},
    {"pass_attrs", ""},
    {"openid_configuration_url", ""},
    {"tls_ca_cert_file", ""},
    {"tls_ca_cert_dir", ""},
    {"tls_cert_file", ""},
    {"tls_key_file", ""},
    {"timeout_msecs", "0"},
};

enum class Mode { kNone, kAuth, kGet, kPost, kLocal };

struct Plan {
    std::optional<HttpUrl> tokeninfo;
    std::optional<HttpUrl> introspection;
    Mode mode = Mode::kNone;
    bool always_introspects = false;
    std::string keys;  // the directory with "/"; empty: tokens are not looked at here
    std::vector<std::string> scopes;
    std::vector<std::string> issuers;
    std::string client;
    std::string username_attribute;
    std::string username_format;
    std::string active_attribute;
    std::string active_value;
    AuthParameters fields;
    std::string configuration_url;
    TlsClientOptions tls;
    std::chrono::milliseconds patience = kPatience;
};

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::string_view word : split_words(text)) {
        words.emplace_back(word);
    }
    return words;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

AuthAnswer wrong(std::string reason) {
    return {AuthAnswer::Kind::kWrong, std::move(reason), {}};
}

// What a token, or a server that knows it, says of the user: whether that is enough for him.
AuthAnswer judge(const Plan& plan, const AuthQuery& query, const TokenClaims& claims) {
    std::string active = claims.get(plan.active_attribute);
    bool inactive = claims.get("active") == "false";
    if (!plan.active_attribute.empty()) {
        inactive = plan.active_value.empty() ? active.empty() : active != plan.active_value;
    }
    if (inactive) {
        return wrong("the token is not active");
    }
    std::vector<std::string> scopes;
    for (const std::string& value : claims.all("scope")) {
        auto words = words_of(value);
        scopes.insert(scopes.end(), words.begin(), words.end());
    }
    for (const std::string& scope : plan.scopes) {
        if (!has(scopes, scope)) {
            return wrong(format("the token is not good for {}", scope));
        }
    }
    std::string name = claims.get(plan.username_attribute);
    if (name.empty()) {
        // Nobody's fault but the configuration's.
        return AuthAnswer::temporary(format("the token has no {}", plan.username_attribute));
    }
    if (expand_user_variables(plan.username_format, name) != query.user) {
        return wrong("the token is another user's");
    }
    AuthAnswer right{AuthAnswer::Kind::kRight, "", {}};
    for (const auto& [field, value] : plan.fields.all()) {
        UserVariables variables = query.variables();
        for (const std::string& unknown : variables.unknown(value)) {
            std::string_view inside = std::string_view(unknown).substr(unknown.find('{') + 1);
            if (inside.starts_with(kVariable) && inside.ends_with('}')) {
                inside.remove_suffix(1);
                variables.set(inside, claims.get(inside.substr(kVariable.size())));
            }
        }
        right.fields.set(field, variables.expand(value));
    }
    return right;
}

// Part of a file's name: nothing that leads elsewhere.
std::optional<std::string> path_part(std::string_view text) {
    std::string part(text.empty() ? "default" : text);
    bool good =
        part.size() < 256 && part.front() != '.' && !part.contains('/') && !part.contains('\0');
    return good ? std::optional(std::move(part)) : std::nullopt;
}

class TokenUsers : public AuthDatabase {
  public:
    TokenUsers(std::string title, Plan plan, std::unique_ptr<TlsContext> tls)
        : title_(std::move(title)), plan_(std::move(plan)), tls_(std::move(tls)) {}

    Task<AuthAnswer> find_password(AuthQuery query) override;

    Task<AuthAnswer> find_user(AuthQuery /*query*/) override { co_return AuthAnswer::unknown(); }

    bool tells_passwords() const override { return false; }

    std::optional<TokenAdvice> takes_tokens() const override {
        return TokenAdvice{plan_.configuration_url};
    }

    std::optional<std::uint64_t> version() override { return 0; }

  private:
    Task<AuthAnswer> look_at(AuthQuery query, Jwt token);
    Task<AuthAnswer> ask(AuthQuery query);
    Task<Result<TokenClaims>> fetch(HttpRequest request);
    HttpRequest introspection_of(const std::string& token) const;

    std::string title_;
    Plan plan_;
    std::unique_ptr<TlsContext> tls_;
};

Task<AuthAnswer> TokenUsers::find_password(AuthQuery query) {
    auto token = plan_.keys.empty() ? fail(Errc::kSyntax, "") : Jwt::parse(query.password);
    if (token) {
        co_return co_await look_at(std::move(query), std::move(*token));
    }
    if (plan_.mode == Mode::kLocal) {
        co_return wrong(token.error().message);
    }
    co_return co_await ask(std::move(query));
}

Task<AuthAnswer> TokenUsers::look_at(AuthQuery query, Jwt token) {
    const TokenClaims& claims = token.claims;
    auto party = path_part(claims.get("azp"));
    auto key_id = path_part(token.key_id);
    if (!party || !key_id) {
        co_return wrong("the token names no key");
    }
    std::string path = format("{}{}/{}/{}", plan_.keys, *party, token.algorithm, *key_id);
    auto read = [path] { return read_file(path, kMostKey); };
    auto key = co_await run_blocking(std::move(read));
    if (!key) {
        co_return wrong(format("the token's key: {}", key.error().message));
    }
    auto signature = token.verify(*key);
    if (!signature) {
        co_return wrong(signature.error().code == Errc::kSyntax
                            ? format("{}: {}", path, signature.error().message)
                            : signature.error().message);
    }
    if (auto time = token.check_time(::time(nullptr)); !time) {
        co_return wrong(time.error().message);
    }
    if (claims.get("sub").empty()) {
        co_return wrong("the token has no sub");
    }
    if (!plan_.issuers.empty() && !has(plan_.issuers, claims.get("iss"))) {
        co_return wrong("the token is from another issuer");
    }
    auto audience = claims.all("aud");
    if (!plan_.client.empty() && !audience.empty() && !has(audience, plan_.client)) {
        co_return wrong("the token is for somebody else");
    }
    co_return judge(plan_, query, claims);
}

Task<Result<TokenClaims>> TokenUsers::fetch(HttpRequest request) {
    auto answer = co_await ask_http(std::move(request), tls_.get(), plan_.patience);
    if (!answer) {
        co_return fail(Errc::kTemporary, answer.error().message);
    }
    if (answer->status >= 400 && answer->status < 500) {
        co_return fail(Errc::kDenied, format("the server refuses the token ({})", answer->status));
    }
    if (answer->status != 200) {
        co_return fail(Errc::kTemporary, format("the server answers {}", answer->status));
    }
    auto claims = TokenClaims::parse(answer->body);
    if (!claims) {
        co_return fail(Errc::kTemporary, "the server answers with " + claims.error().message);
    }
    co_return std::move(*claims);
}

HttpRequest TokenUsers::introspection_of(const std::string& token) const {
    HttpRequest request;
    request.url = *plan_.introspection;
    if (plan_.mode == Mode::kPost) {
        request.form = "token=" + url_encode(token);
    } else if (plan_.mode == Mode::kGet) {
        request.url.target += url_encode(token);
    } else {
        request.authorization = "Bearer " + token;
    }
    return request;
}

Task<AuthAnswer> TokenUsers::ask(AuthQuery query) {
    // It goes into a header: no line ends, and what RFC 6750 2.1 allows.
    bool sane = std::ranges::all_of(query.password, [](char c) {
        return is_alnum(c) || std::string_view("-._~+/=").contains(c);
    });
    if (!sane) {
        co_return wrong("malformed token");
    }
    Result<TokenClaims> claims = TokenClaims();
    if (plan_.tokeninfo) {
        HttpRequest request;
        request.url = *plan_.tokeninfo;
        request.url.target += url_encode(query.password);
        claims = co_await fetch(std::move(request));
    }
    bool enough = claims && !claims->get(plan_.username_attribute).empty();
    if (claims && plan_.introspection && (!enough || plan_.always_introspects)) {
        claims = co_await fetch(introspection_of(query.password));
    }
    if (!claims && claims.error().code == Errc::kDenied) {
        co_return wrong(claims.error().message);
    }
    if (!claims) {
        co_return AuthAnswer::temporary(format("{}: {}", title_, claims.error().message));
    }
    co_return judge(plan_, query, *claims);
}

// -- the file -----------------------------------------------------------------------------------

std::string setting(const DovecotSection& file, std::string_view name) {
    const DovecotSetting* found = file.find(name);
    const auto* known =
        std::ranges::find(kSettings, name, [](const auto& each) { return each.first; });
    return found != nullptr ? found->value : std::string(known->second);
}

Result<void> read_servers(const DovecotSection& file, Plan& plan) {
    constexpr std::pair<std::string_view, Mode> kModes[] = {{"", Mode::kNone},
                                                            {"auth", Mode::kAuth},
                                                            {"get", Mode::kGet},
                                                            {"post", Mode::kPost},
                                                            {"local", Mode::kLocal}};
    std::string mode = setting(file, "introspection_mode");
    const auto* found =
        std::ranges::find(kModes, mode, [](const auto& each) { return each.first; });
    if (found == std::end(kModes)) {
        return fail(Errc::kSyntax,
                    format("introspection_mode = {}: known are auth get post local", mode));
    }
    plan.mode = found->second;
    for (auto [name, url] : {std::pair("tokeninfo_url", &plan.tokeninfo),
                             std::pair("introspection_url", &plan.introspection)}) {
        std::string text = setting(file, name);
        auto parsed = text.empty() ? Result<HttpUrl>() : HttpUrl::parse(text);
        if (!parsed) {
            return fail(Errc::kSyntax, format("{}: {}", name, parsed.error().message));
        }
        if (!text.empty()) {
            *url = std::move(*parsed);
        }
    }
    std::string keys = setting(file, "local_validation_key_dict");
    if (!keys.empty() && !keys.starts_with(kFiles)) {
        return fail(Errc::kSyntax,
                    format("local_validation_key_dict = {}: {}DIRECTORY/ is known", keys, kFiles));
    }
    plan.keys = keys.empty() ? "" : keys.substr(kFiles.size());
    bool can_tell =
        plan.mode == Mode::kLocal ? !plan.keys.empty() : plan.tokeninfo || plan.introspection;
    if (!can_tell) {
        return fail(Errc::kSyntax, plan.mode == Mode::kLocal
                                       ? "local_validation_key_dict is not set"
                                       : "neither tokeninfo_url nor introspection_url is set");
    }
    return {};
}

Result<Plan> read_plan(const DovecotSection& file) {
    for (const DovecotSetting& each : file.settings) {
        if (std::ranges::find(kSettings, each.name, [](const auto& known) {
                return known.first;
            }) == std::end(kSettings)) {
            return fail(Errc::kSyntax, format("line {}: unknown setting {}", each.line, each.name));
        }
    }
    Plan plan;
    if (auto read = read_servers(file, plan); !read) {
        return fail_with(read);
    }
    plan.always_introspects = setting(file, "force_introspection") == "yes";
    plan.scopes = words_of(setting(file, "scope"));
    plan.issuers = words_of(setting(file, "issuers"));
    plan.client = setting(file, "client_id");
    plan.username_attribute = setting(file, "username_attribute");
    plan.username_format = setting(file, "username_format");
    plan.active_attribute = setting(file, "active_attribute");
    plan.active_value = setting(file, "active_value");
    plan.configuration_url = setting(file, "openid_configuration_url");
    plan.fields = AuthParameters(words_of(setting(file, "pass_attrs")), 0);
    plan.tls.ca_file = setting(file, "tls_ca_cert_file");
    plan.tls.ca_path = setting(file, "tls_ca_cert_dir");
    plan.tls.append_default_ca = plan.tls.ca_file.empty() && plan.tls.ca_path.empty();
    plan.tls.certificates.cert_file = setting(file, "tls_cert_file");
    plan.tls.certificates.key_file = setting(file, "tls_key_file");
    auto time = parse_uint(setting(file, "timeout_msecs"));
    if (!time || *time > 600'000) {
        return fail(Errc::kSyntax, "timeout_msecs is no time of up to ten minutes");
    }
    plan.patience = *time == 0 ? kPatience : std::chrono::milliseconds(*time);
    return plan;
}

}  // namespace

OpenedAuthDatabase open_auth_oauth2(std::string_view text) {
    std::string path(text);
    auto file = load_flat_dovecot_conf(path);
    if (!file) {
        return fail_with(file);
    }
    auto plan = read_plan(*file);
    if (!plan) {
        return fail(Errc::kSyntax, path + ": " + plan.error().message);
    }
    auto tls = TlsContext::client(plan->tls);
    if (!tls) {
        return fail(Errc::kSyntax, path + ": TLS: " + tls.error().message);
    }
    return std::make_unique<TokenUsers>("oauth2:" + path, std::move(*plan), std::move(*tls));
}

}  // namespace relais
