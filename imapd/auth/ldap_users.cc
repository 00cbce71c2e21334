// ldap: users in a directory, as a dovecot-ldap.conf.ext says.  Their passwords are read
// (pass_attrs), or the directory looks at them (auth_bind).  What fields an entry makes:
// ldap_fields.h; the client library is the plug-in of ldap: tables.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/dovecot_conf.h"
#include "lib/maps/databases/dynamic_maps.h"
#include "lib/maps/databases/ldap_client.h"
#include "lib/maps/databases/ldap_quote.h"

#include "imapd/auth/blocking_database.h"
#include "imapd/auth/databases.h"
#include "imapd/auth/ldap_fields.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kServerTime(10);
constexpr std::size_t kMostBytes = 10'000'000;

// What the file does not say.
struct Setting {
    std::string_view name;
    std::string_view otherwise;
};

constexpr Setting kSettings[] = {
    {"hosts", ""},
    {"uris", ""},
    {"dn", ""},
    {"dnpass", ""},
    {"sasl_bind", "no"},
    {"sasl_mech", ""},
    {"sasl_realm", ""},
    {"sasl_authz_id", ""},
    {"tls", "no"},
    {"tls_ca_cert_file", ""},
    {"tls_ca_cert_dir", ""},
    {"tls_cert_file", ""},
    {"tls_key_file", ""},
    {"tls_cipher_suite", ""},
    {"tls_require_cert", "demand"},
    {"ldaprc_path", ""},
    {"debug_level", "0"},
    {"auth_bind", "no"},
    {"auth_bind_userdn", ""},
    {"ldap_version", "3"},
    {"base", ""},
    {"deref", "never"},
    {"scope", "subtree"},
    {"user_attrs", "homeDirectory=home,uidNumber=uid,gidNumber=gid"},
    {"user_filter", "(&(objectClass=posixAccount)(uid=%u))"},
    {"pass_attrs", "uid=user,userPassword=password"},
    {"pass_filter", "(&(objectClass=posixAccount)(uid=%u))"},
    {"iterate_attrs", "uid=user"},
    {"iterate_filter", "(objectClass=posixAccount)"},
    {"default_pass_scheme", "crypt"},
    {"blocking", "no"},  // workers block, whatever it says
};

// Of the words that a setting may have, the number of the one that it has.
template <std::size_t kCount>
Result<std::size_t> word(std::string_view name, std::string_view value,
                         const std::array<std::string_view, kCount>& words) {
    const auto* found = std::ranges::find(words, value);
    if (found != words.end()) {
        return static_cast<std::size_t>(found - words.begin());
    }
    std::string known;
    for (std::string_view each : words) {
        known += format(" {}", each);
    }
    return fail(Errc::kSyntax, format("{} = {}: known are{}", name, value, known));
}

// The file's settings, and the first thing that is wrong with one.
class Settings {
  public:
    explicit Settings(const DovecotSection& file) : file_(file) {
        for (const DovecotSetting& setting : file.settings) {
            if (std::ranges::find(kSettings, setting.name, &Setting::name) == std::end(kSettings)) {
                note(fail(Errc::kSyntax,
                          format("line {}: unknown setting {}", setting.line, setting.name)));
            }
        }
    }

    std::string text(std::string_view name) const {
        const DovecotSetting* found = file_.find(name);
        return found != nullptr
                   ? found->value
                   : std::string(std::ranges::find(kSettings, name, &Setting::name)->otherwise);
    }

    bool flag(std::string_view name) {
        constexpr std::array<std::string_view, 2> kWords = {"no", "yes"};
        return one_of(name, kWords) == 1;
    }

    template <std::size_t kCount>
    std::size_t one_of(std::string_view name, const std::array<std::string_view, kCount>& words) {
        auto found = word(name, text(name), words);
        note(found);
        return found.value_or(0);
    }

    int number(std::string_view name) {
        auto value = parse_uint(text(name));
        if (!value || *value > 65535) {
            note(fail(Errc::kSyntax, format("{} = {}: no number", name, text(name))));
            return 0;
        }
        return static_cast<int>(*value);
    }

    // With % variables, which must be known.
    std::string pattern(std::string_view name) {
        std::string value = text(name);
        auto unknown = AuthQuery().variables().unknown(value);
        if (!unknown.empty()) {
            note(fail(Errc::kSyntax, format("{}: unknown variable {}", name, unknown.front())));
        }
        return value;
    }

    LdapFields fields(std::string_view name) {
        auto parsed = LdapFields::parse(text(name));
        if (!parsed) {
            note(fail(Errc::kSyntax, format("{}: {}", name, parsed.error().message)));
            return {};
        }
        return std::move(*parsed);
    }

    void refuse(std::string why) { note(fail(Errc::kSyntax, std::move(why))); }

    const Result<void>& verdict() const { return verdict_; }

  private:
    template <class R>
    void note(const R& outcome) {
        if (!outcome && verdict_) {
            verdict_ = fail(Errc::kSyntax, outcome.error().message);
        }
    }

    void note(const std::unexpected<Error>& wrong) {
        if (verdict_) {
            verdict_ = wrong;
        }
    }

    const DovecotSection& file_;
    Result<void> verdict_;
};

struct Plan {
    LdapOptions server;
    std::string resource_file;  // of the library
    bool auth_bind = false;
    std::string bind_name;  // a template: the entry's name, without a search for it
    std::string base;
    LdapScope scope = LdapScope::kSubtree;
    std::string password_filter;
    std::string user_filter;
    std::string iterate_filter;
    LdapFields password_fields;
    LdapFields user_fields;
    LdapFields iterate_fields;
    std::string scheme;
};

void read_server(Settings& settings, LdapOptions& server) {
    server.servers = settings.text("uris");
    for (std::string_view host : split_words(settings.text("hosts"))) {
        server.servers += format("{}ldap://{}", server.servers.empty() ? "" : " ", host);
    }
    if (server.servers.empty()) {
        settings.refuse("neither uris nor hosts is set");
    }
    server.version = settings.number("ldap_version");
    server.bind = settings.flag("sasl_bind") ? LdapBind::kSasl : LdapBind::kSimple;
    server.bind_dn = settings.text("dn");
    server.bind_password = settings.text("dnpass");
    server.sasl_mechanisms = settings.text("sasl_mech");
    server.sasl_realm = settings.text("sasl_realm");
    server.sasl_authorization = settings.text("sasl_authz_id");
    server.timeout = kServerTime;
    server.debug_level = settings.number("debug_level");
    constexpr std::array<std::string_view, 4> kDeref = {"never", "searching", "finding", "always"};
    server.dereference = static_cast<int>(settings.one_of("deref", kDeref));
    server.start_tls = settings.flag("tls");
    server.tls_ca_file = settings.text("tls_ca_cert_file");
    server.tls_ca_directory = settings.text("tls_ca_cert_dir");
    server.tls_certificate = settings.text("tls_cert_file");
    server.tls_key = settings.text("tls_key_file");
    server.tls_ciphers = settings.text("tls_cipher_suite");
    constexpr std::array<std::string_view, 5> kCertificate = {"never", "allow", "try", "demand",
                                                              "hard"};
    // With "try", a wrong certificate is refused as well.
    server.tls_require_certificate = settings.one_of("tls_require_cert", kCertificate) >= 2;
}

Result<Plan> read_plan(const DovecotSection& file) {
    Settings settings(file);
    Plan plan;
    read_server(settings, plan.server);
    plan.resource_file = settings.text("ldaprc_path");
    plan.auth_bind = settings.flag("auth_bind");
    plan.bind_name = settings.pattern("auth_bind_userdn");
    plan.base = settings.pattern("base");
    if (plan.base.empty()) {
        settings.refuse("base is not set");
    }
    constexpr std::array<std::string_view, 3> kScopes = {"subtree", "base", "onelevel"};
    plan.scope = static_cast<LdapScope>(settings.one_of("scope", kScopes));
    plan.password_filter = settings.pattern("pass_filter");
    plan.user_filter = settings.pattern("user_filter");
    plan.iterate_filter = settings.text("iterate_filter");
    plan.password_fields = settings.fields("pass_attrs");
    plan.user_fields = settings.fields("user_attrs");
    plan.iterate_fields = settings.fields("iterate_attrs");
    plan.scheme = uppercase(settings.text("default_pass_scheme"));
    settings.flag("blocking");
    if (plan.auth_bind) {
        plan.password_fields.leave_out("password");
    }
    if (!settings.verdict()) {
        return fail_with(settings.verdict());
    }
    return plan;
}

std::string quoted_for_filter(std::string_view value) {
    std::string out;
    quote_ldap_filter(value, out);
    return out;
}

std::string quoted_for_name(std::string_view value) {
    std::string out;
    quote_ldap_name(value, out);
    return out;
}

// A connection, made when it is needed.  One that was lost while nobody used it is made anew once.
class Link {
  public:
    Link(const LdapDriver* driver, const LdapOptions* options)
        : driver_(driver), options_(options) {}

    std::expected<std::vector<LdapEntry>, LdapError> search(const LdapSearch& search) {
        return attempt<std::vector<LdapEntry>>(
            [&search](LdapConnection& connection) { return connection.search(search); });
    }

    std::expected<void, LdapError> bind(const std::string& dn, const std::string& password) {
        return attempt<void>(
            [&](LdapConnection& connection) { return connection.bind(dn, password); });
    }

    // One of a parent process, which is not to be closed for it.
    void abandon() { static_cast<void>(connection_.release()); }

  private:
    template <class T, class Request>
    std::expected<T, LdapError> attempt(const Request& request) {
        for (;;) {
            bool fresh = connection_ == nullptr;
            if (fresh) {
                auto opened = driver_->connect(*options_);
                if (!opened) {
                    // Wrong is then the service's own password.
                    opened.error().kind = LdapError::Kind::kLost;
                    return std::unexpected(opened.error());
                }
                connection_ = std::move(*opened);
            }
            std::expected<T, LdapError> done = request(*connection_);
            if (done || done.error().kind != LdapError::Kind::kLost) {
                return done;
            }
            connection_.reset();
            if (fresh) {
                return done;
            }
        }
    }

    const LdapDriver* driver_;
    const LdapOptions* options_;
    std::unique_ptr<LdapConnection> connection_;
};

class LdapUsers : public BlockingDatabase {
  public:
    LdapUsers(std::string title, Plan plan, const LdapDriver* driver)
        : BlockingDatabase(std::move(title)),
          plan_(std::move(plan)),
          binding_(plan_.server),
          searches_(driver, &plan_.server),
          binds_(driver, &binding_) {
        binding_.bind = LdapBind::kNone;
    }

    bool tells_passwords() const override { return !plan_.auth_bind; }

  protected:
    void start() override {
        searches_.abandon();
        binds_.abandon();
        if (!plan_.resource_file.empty()) {
            ::setenv("LDAPRC", plan_.resource_file.c_str(), 1);
        }
    }

    AuthAnswer find(Purpose purpose, const AuthQuery& query) override;
    Result<std::string> names() override;

  private:
    AuthAnswer bind_as(const std::string& dn, const AuthQuery& query, AuthParameters fields);
    AuthAnswer trouble(const LdapError& error) const;

    Plan plan_;
    LdapOptions binding_;  // of the connection on which users' passwords are tried
    Link searches_;
    Link binds_;
};

AuthAnswer LdapUsers::trouble(const LdapError& error) const {
    std::string text = error.action.empty() ? error.text : error.action + " " + error.text;
    log_warning("{}: {}", title(), printable(text));
    return AuthAnswer::temporary(format("{}: {}", title(), printable(text)));
}

AuthAnswer LdapUsers::bind_as(const std::string& dn, const AuthQuery& query,
                              AuthParameters fields) {
    // A directory takes a bind without a password for one of nobody's, and agrees.
    if (query.password.empty()) {
        return {AuthAnswer::Kind::kWrong, "an empty password", {}};
    }
    auto bound = binds_.bind(dn, query.password);
    if (bound) {
        return {AuthAnswer::Kind::kRight, "", std::move(fields)};
    }
    switch (bound.error().kind) {
        case LdapError::Kind::kWrongPassword:
            return {AuthAnswer::Kind::kWrong, "password mismatch", {}};
        case LdapError::Kind::kNoSuchObject:
            return AuthAnswer::unknown();
        case LdapError::Kind::kLost:
        case LdapError::Kind::kOther:
            break;
    }
    return trouble(bound.error());
}

AuthAnswer LdapUsers::find(Purpose purpose, const AuthQuery& query) {
    bool for_password = purpose == Purpose::kPassword;
    UserVariables variables = query.variables();
    if (for_password && plan_.auth_bind && !plan_.bind_name.empty()) {
        return bind_as(variables.expand(plan_.bind_name, quoted_for_name), query, {});
    }
    const LdapFields& fields = for_password ? plan_.password_fields : plan_.user_fields;
    LdapSearch search{variables.expand(plan_.base, quoted_for_name), plan_.scope,
                      variables.expand(for_password ? plan_.password_filter : plan_.user_filter,
                                       quoted_for_filter),
                      fields.attributes()};
    auto found = searches_.search(search);
    if (!found) {
        return trouble(found.error());
    }
    if (found->empty()) {
        return AuthAnswer::unknown();
    }
    if (found->size() > 1) {
        log_warning("{}: user {}: the filter found several entries", title(),
                    printable(query.user));
        return AuthAnswer::temporary("the filter found several entries");
    }
    const LdapEntry& entry = found->front();
    AuthParameters made = fields.of(entry, variables, title());
    if (for_password && plan_.auth_bind) {
        return bind_as(entry.dn, query, std::move(made));
    }
    std::string_view password = made.get("password");
    if (for_password && !password.empty() && !password.starts_with('{')) {
        made.set("password", format("{{{}}}{}", plan_.scheme, password));
    }
    return AuthAnswer::found(std::move(made));
}

Result<std::string> LdapUsers::names() {
    LdapSearch search{plan_.base, plan_.scope, plan_.iterate_filter,
                      plan_.iterate_fields.attributes()};
    auto found = searches_.search(search);
    if (!found) {
        return fail(Errc::kTemporary, trouble(found.error()).reason);
    }
    std::string names;
    for (const LdapEntry& entry : *found) {
        AuthParameters made = plan_.iterate_fields.of(entry, UserVariables(""), title());
        std::string_view name = made.get("user");
        if (!name.empty() && !name.contains('\n') && names.size() < kMostBytes) {
            names += format("{}\n", name);
        }
    }
    return names;
}

}  // namespace

OpenedAuthDatabase open_auth_ldap(std::string_view text) {
    std::string path(text);
    auto settings = load_flat_dovecot_conf(path);
    if (!settings) {
        return fail_with(settings);
    }
    auto plan = read_plan(*settings);
    if (!plan) {
        return fail(Errc::kSyntax, path + ": " + plan.error().message);
    }
    auto function = load_table_plugin("ldap", kLdapPluginName);
    if (!function) {
        return fail(Errc::kSyntax, path + ": " + function.error().message);
    }
    const auto* driver = reinterpret_cast<const LdapDriver* (*)()>(*function)();
    return std::make_unique<LdapUsers>("ldap:" + path, std::move(*plan), driver);
}

}  // namespace relais
