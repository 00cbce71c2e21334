// sql: the queries of a dovecot-sql.conf.ext, asked through the client libraries of SQL tables.
#include <chrono>
#include <cstdlib>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/dovecot_conf.h"
#include "lib/maps/databases/dynamic_maps.h"
#include "lib/maps/databases/sql_servers.h"
#include "lib/maps/table_needs.h"

#include "imapd/auth/blocking_database.h"
#include "imapd/auth/databases.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kConnectTime(10);
constexpr std::chrono::seconds kQueryTime(60);
constexpr SqlServers::Limits kLimits{std::chrono::seconds(60), std::chrono::seconds(10)};
constexpr std::size_t kMostBytes = 10'000'000;

// What Dovecot asks where its file does not say.
constexpr std::string_view kPasswordQuery =
    "SELECT username, domain, password FROM users WHERE username = '%n' AND domain = '%d'";
constexpr std::string_view kUserQuery =
    "SELECT home, uid, gid FROM users WHERE username = '%n' AND domain = '%d'";
constexpr std::string_view kIterateQuery = "SELECT username, domain FROM users";
constexpr std::string_view kDefaultScheme = "MD5";

// "name=value name='a value'" of `connect`, in order.
std::vector<std::pair<std::string, std::string>> connect_words(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> words;
    while (!(text = trim_left(text)).empty()) {
        auto equals = text.find('=');
        if (equals == std::string_view::npos) {
            break;
        }
        std::string name(trim(text.substr(0, equals)));
        text.remove_prefix(equals + 1);
        bool quoted = text.starts_with('\'');
        text.remove_prefix(quoted ? 1 : 0);
        auto end = std::min(quoted ? text.find('\'') : text.find_first_of(" \t"), text.size());
        words.emplace_back(std::move(name), text.substr(0, end));
        text.remove_prefix(std::min(end + (quoted ? 1 : 0), text.size()));
    }
    return words;
}

struct Target {
    std::vector<SqlServer> servers;
    SqlOptions options;
};

Target mysql_target(std::string_view connect) {
    Target target;
    std::string port;
    for (auto& [name, value] : connect_words(connect)) {
        SqlOptions& options = target.options;
        if (name == "host" || name == "hostaddr") {
            SqlServer server;
            server.name = value;
            (value.starts_with('/') ? server.path : server.host) =
                value == "localhost" ? "" : value;
            target.servers.push_back(std::move(server));
        } else if (name == "port") {
            port = value;
        } else if (name == "user") {
            options.user = value;
        } else if (name == "password") {
            options.password = value;
        } else if (name == "dbname") {
            options.database = value;
        } else if (name == "ssl_ca") {
            options.tls_ca_file = value;
        } else if (name == "ssl_ca_path") {
            options.tls_ca_path = value;
        } else if (name == "ssl_cert") {
            options.tls_certificate_file = value;
        } else if (name == "ssl_key") {
            options.tls_key_file = value;
        } else if (name == "ssl_cipher") {
            options.tls_ciphers = value;
        } else if (name == "ssl_verify_server_cert") {
            options.tls_verify = value == "yes";
        } else if (name == "option_file") {
            options.option_file = value;
        } else if (name == "option_group") {
            options.option_group = value;
        }
    }
    for (SqlServer& server : target.servers) {
        server.port = port;
    }
    target.options.encoding = "utf8mb4";
    return target;
}

// libpq understands the whole text; each host becomes a server of its own.
Target pgsql_target(std::string_view connect) {
    Target target;
    std::string common;
    std::vector<std::string> hosts;
    for (auto& [name, value] : connect_words(connect)) {
        if (name == "host") {
            hosts.push_back(value);
        } else if (name != "maxconns") {
            common += format("{}='{}' ", name, value);
        }
    }
    if (hosts.empty()) {
        hosts.emplace_back();
    }
    for (const std::string& host : hosts) {
        SqlServer server;
        server.name = host.empty() ? "localhost" : host;
        server.whole = host.empty() ? common : format("host='{}' {}", host, common);
        target.servers.push_back(std::move(server));
    }
    target.options.encoding = "UTF8";
    return target;
}

Result<Target> read_target(std::string_view driver, std::string_view connect) {
    Target target;
    if (driver == "mysql") {
        target = mysql_target(connect);
    } else if (driver == "pgsql") {
        target = pgsql_target(connect);
    } else if (driver == "sqlite") {
        target.options.database = std::string(trim(connect));
        note_table_file(target.options.database);
    } else {
        return fail(Errc::kSyntax,
                    format("driver = {}: mysql, pgsql and sqlite are known", driver));
    }
    if (target.servers.empty()) {
        target.servers.emplace_back().name = "localhost";
    }
    target.options.connect_timeout = kConnectTime;
    target.options.query_timeout = kQueryTime;
    return target;
}

struct Queries {
    std::string password;
    std::string user;
    std::string iterate;
    std::string scheme;  // of passwords that do not say theirs
};

// Rows as fields; NULL is no field.
std::vector<AuthParameters> rows_of(const SqlAnswer& answer) {
    std::vector<AuthParameters> rows;
    std::size_t width = answer.columns.size();
    for (std::size_t i = 0; width > 0 && i + width <= answer.values.size(); i += width) {
        AuthParameters& row = rows.emplace_back();
        for (std::size_t column = 0; column < width; ++column) {
            if (const auto& value = answer.values[i + column]) {
                row.set(answer.columns[column], *value);
            }
        }
    }
    return rows;
}

// "username" and "domain", or "user", as one name; empty where the row has none.
std::string name_in(const AuthParameters& row) {
    std::string name(row.has("user") ? row.get("user") : row.get("username"));
    if (!row.get("domain").empty() && !name.contains('@')) {
        name += format("@{}", row.get("domain"));
    }
    return name;
}

class SqlUsers : public BlockingDatabase {
  public:
    SqlUsers(std::string title, Queries queries, std::unique_ptr<SqlServers> servers)
        : BlockingDatabase(std::move(title)),
          queries_(std::move(queries)),
          servers_(std::move(servers)) {}

  protected:
    void start() override { servers_->abandon(); }

    AuthAnswer find(Purpose purpose, const AuthQuery& query) override;
    Result<std::string> names() override;

  private:
    Queries queries_;
    std::unique_ptr<SqlServers> servers_;
};

Result<std::string> SqlUsers::names() {
    auto answer = servers_->query([this](SqlConnection&) { return queries_.iterate; });
    if (!answer) {
        return fail(Errc::kTemporary, "no database server could answer");
    }
    std::string names;
    for (const AuthParameters& row : rows_of(*answer)) {
        std::string name = name_in(row);
        if (!name.empty() && names.size() < kMostBytes) {
            names += name + "\n";
        }
    }
    return names;
}

AuthAnswer SqlUsers::find(Purpose purpose, const AuthQuery& query) {
    bool for_password = purpose == Purpose::kPassword;
    auto statement = [&](SqlConnection& connection) -> std::expected<std::string, std::string> {
        std::string trouble;
        std::string text = query.variables().expand(
            for_password ? queries_.password : queries_.user, [&](std::string_view value) {
                std::string quoted;
                if (auto done = connection.quote(value, quoted); !done) {
                    trouble = done.error();
                }
                return quoted;
            });
        return trouble.empty() ? std::expected<std::string, std::string>(std::move(text))
                               : std::unexpected(trouble);
    };
    auto answer = servers_->query(statement);
    if (!answer) {
        return AuthAnswer::temporary(title() + ": no database server could answer");
    }
    auto rows = rows_of(*answer);
    if (rows.empty()) {
        return AuthAnswer::unknown();
    }
    if (rows.size() > 1) {
        log_warning("{}: user {}: the query found several users", title(), printable(query.user));
        return AuthAnswer::temporary("the query found several users");
    }
    AuthParameters fields = std::move(rows.front());
    if (std::string name = name_in(fields); !name.empty()) {
        fields.set("user", name);
    }
    std::string_view password = fields.get("password");
    if (for_password && !password.empty() && !password.starts_with('{')) {
        fields.set("password", format("{{{}}}{}", queries_.scheme, password));
    }
    return AuthAnswer::found(std::move(fields));
}

std::string setting_or(const DovecotSection& settings, std::string_view name,
                       std::string_view fallback) {
    const DovecotSetting* found = settings.find(name);
    return found != nullptr && !found->value.empty() ? found->value : std::string(fallback);
}

Result<Queries> read_queries(const DovecotSection& settings) {
    Queries queries{setting_or(settings, "password_query", kPasswordQuery),
                    setting_or(settings, "user_query", kUserQuery),
                    setting_or(settings, "iterate_query", kIterateQuery),
                    uppercase(setting_or(settings, "default_pass_scheme", kDefaultScheme))};
    for (const std::string* query : {&queries.password, &queries.user}) {
        auto unknown = AuthQuery().variables().unknown(*query);
        if (!unknown.empty()) {
            return fail(Errc::kSyntax,
                        format("unknown variable {} in \"{}\"", unknown.front(), *query));
        }
    }
    return queries;
}

}  // namespace

OpenedAuthDatabase open_auth_sql(std::string_view text) {
    std::string path(text);
    auto settings = load_flat_dovecot_conf(path);
    if (!settings) {
        return fail_with(settings);
    }
    auto queries = read_queries(*settings);
    if (!queries) {
        return fail(Errc::kSyntax, path + ": " + queries.error().message);
    }
    std::string driver(settings->get("driver"));
    auto target = read_target(driver, settings->get("connect"));
    if (!target) {
        return fail(Errc::kSyntax, path + ": " + target.error().message);
    }
    auto function = load_table_plugin(driver, kSqlPluginName);
    if (!function) {
        return fail(Errc::kSyntax, path + ": " + function.error().message);
    }
    target->options.warn = [path](const std::string& warning) {
        log_warning("{}: {}", path, printable(warning));
    };
    const auto* sql = reinterpret_cast<const SqlDriver* (*)()>(*function)();
    auto servers =
        std::make_unique<SqlServers>(driver, "sql:" + path, sql, std::move(target->servers),
                                     std::move(target->options), kLimits);
    return std::make_unique<SqlUsers>("sql:" + path, std::move(*queries), std::move(servers));
}

}  // namespace relais
