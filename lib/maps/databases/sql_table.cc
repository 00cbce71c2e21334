// mysql:, pgsql:, sqlite: and mongodb: tables.  The client libraries are behind plug-ins
// (sql_client.h).
#include <array>
#include <memory>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/databases/client_table.h"
#include "lib/maps/databases/sql_servers.h"
#include "lib/maps/table_needs.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

using Need = ClientSettings::Need;

// Neither has a setting in Postfix; without an end to its waits a lookup would hold up mail for as
// long as a server that has vanished lets it.
constexpr std::chrono::seconds kConnectTime(10);
constexpr std::chrono::seconds kQueryTime(60);

// Of mongodb: tables: more values than this are taken for a mistake.
constexpr int kMongoLimit = 10;

// The statement of tables that are configured in the oldest way, field by field.
std::string built_query(ClientSettings& settings) {
    std::string table = settings.text("table", "", Need::kRequired);
    std::string field = settings.text("select_field", "", Need::kRequired);
    std::string where = settings.text("where_field", "", Need::kRequired);
    return format("SELECT {} FROM {} WHERE {}='%s' {}", field, table, where,
                  settings.text("additional_conditions"));
}

std::string read_query(ClientSettings& settings, std::string_view type) {
    if (type == "mongodb") {
        return settings.text("query_filter", "", Need::kRequired);
    }
    if (settings.has("query")) {
        return settings.text("query");
    }
    if (type == "pgsql" && settings.has("select_function")) {
        return format("SELECT {}('%s')", settings.text("select_function"));
    }
    return built_query(settings);
}

// A URL that tells everything by itself.  Messages do without the password in it.
SqlServer parse_url(std::string url) {
    SqlServer server;
    server.name = url;
    auto start = url.find("://");
    auto at =
        start == std::string::npos ? start : url.substr(0, url.find('/', start + 3)).rfind('@');
    auto colon = at == std::string::npos ? at : url.find(':', start + 3);
    if (colon < at) {
        server.name.erase(colon, at - colon);
    }
    server.whole = std::move(url);
    return server;
}

// [inet:]host[:port], unix:path, or a whole connection string for PostgreSQL.
SqlServer parse_server(std::string_view text, std::string_view type) {
    if (type == "pgsql" && (text.starts_with("postgresql://") || text.starts_with("postgres://"))) {
        return parse_url(std::string(text));
    }
    SqlServer server;
    server.name = std::string(text);
    if (text.starts_with("unix:")) {
        server.path = std::string(text.substr(5));
        return server;
    }
    if (text.starts_with("inet:")) {
        text.remove_prefix(5);
    }
    if (auto parts = split_last(text, ':')) {
        server.port = std::string(parts->second);
        text = parts->first;
    }
    if (!iequals(text, "localhost")) {
        server.host = std::string(text);
    }
    return server;
}

std::vector<SqlServer> read_servers(ClientSettings& settings, std::string_view type) {
    if (type == "mongodb") {
        return {parse_url(settings.text("uri", "", Need::kRequired))};
    }
    std::vector<SqlServer> servers;
    std::string hosts = type == "sqlite" ? "" : settings.text("hosts");
    for (std::string_view host : split_words(hosts, ", \t\r\n")) {
        servers.push_back(parse_server(host, type));
    }
    if (servers.empty()) {
        servers.push_back(parse_server("localhost", type));
    }
    return servers;
}

void read_tls(ClientSettings& settings, SqlOptions& options) {
    options.tls_key_file = settings.text("tls_key_file");
    options.tls_certificate_file = settings.text("tls_cert_file");
    options.tls_ca_file = settings.text("tls_CAfile");
    options.tls_ca_path = settings.text("tls_CApath");
    options.tls_ciphers = settings.text("tls_ciphers");
    for (const std::string* path : {&options.tls_key_file, &options.tls_certificate_file,
                                    &options.tls_ca_file, &options.tls_ca_path}) {
        note_table_read(*path);
    }
    if (settings.has("tls_verify_cert")) {
        options.tls_verify = settings.flag("tls_verify_cert", false);
    }
}

void read_fields(ClientSettings& settings, SqlOptions& options) {
    options.database = settings.text("dbname", "", Need::kRequired);
    options.collection = settings.text("collection", "", Need::kRequired);
    options.projection = settings.text("projection");
    std::string attributes = settings.text("result_attribute");
    for (std::string_view attribute : split_words(attributes, ", \t\r\n")) {
        options.attributes.emplace_back(attribute);
    }
    if (!options.projection.empty() && !options.attributes.empty()) {
        settings.refuse("specify projection or result_attribute, not both");
    }
}

SqlOptions read_options(ClientSettings& settings, std::string_view type) {
    SqlOptions options;
    options.connect_timeout = kConnectTime;
    options.query_timeout = kQueryTime;
    if (type == "sqlite") {
        options.database = settings.text("dbpath", "", Need::kRequired);
        note_table_file(options.database);
        return options;
    }
    if (type == "mongodb") {
        read_fields(settings, options);
        return options;
    }
    options.user = settings.text("user");
    options.password = settings.text("password");
    options.database = settings.text("dbname", "", Need::kRequired);
    if (type == "pgsql") {
        options.encoding = settings.text("encoding", "UTF8", Need::kRequired);
        return options;
    }
    options.encoding = settings.text("charset", "utf8mb4", Need::kRequired);
    options.option_file = settings.text("option_file");
    options.option_group = settings.text("option_group", "client");
    options.needs_result_set = settings.flag("require_result_set", true);
    read_tls(settings, options);
    return options;
}

class SqlTable : public ClientTable {
  public:
    explicit SqlTable(const OpenRequest& request)
        : ClientTable(request, request.type == "sqlite" ? MayWait::kNo : MayWait::kYes) {}

    Result<void> open(ClientSettings& settings, const SqlDriver* driver);

  protected:
    Lookup ask(std::string_view key) override;

    void abandon_connections() override { servers_->abandon(); }

  private:
    void report_limit(std::string_view key) const;
    std::vector<std::string> wanted_values(SqlAnswer answer) const;

    std::string query_;
    std::unique_ptr<SqlServers> servers_;
};

Result<void> SqlTable::open(ClientSettings& settings, const SqlDriver* driver) {
    SqlOptions options = read_options(settings, type());
    query_ = read_query(settings, type());
    SqlServers::Limits limits{std::chrono::seconds(settings.number("idle_interval", 60)),
                              std::chrono::seconds(settings.number("retry_interval", 60))};
    options.warn = [where = reference()](const std::string& text) {
        log_warning("{}: {}", where, printable(text));
    };
    std::vector<SqlServer> servers = read_servers(settings, type());
    if (auto read = read_common(settings, "%s", type() == "mongodb" ? kMongoLimit : 0); !read) {
        return read;
    }
    if (auto known = templates().inspect(query_, KeyTemplates::Use::kQuery); !known) {
        return fail_with(known);
    }
    servers_ = std::make_unique<SqlServers>(type(), reference(), driver, std::move(servers),
                                            std::move(options), limits);
    if (type() == "sqlite") {
        if (auto opened = servers_->open(); !opened) {
            return fail(Errc::kSystem, format("{}: {}", reference(), opened.error()));
        }
    }
    return {};
}

void SqlTable::report_limit(std::string_view key) const {
    if (type() == "mongodb") {
        log_warning("{}: expansion limit exceeded for key: '{}'", reference(), printable(key));
    } else {
        log_warning("dict_{}_lookup: {}: Expansion limit exceeded for key{} '{}'", type(), name(),
                    type() == "sqlite" ? "" : ":", printable(key));
    }
}

// Of sqlite's rows the first column; of pgsql's values NULL as an empty one, which is warned of.
std::vector<std::string> SqlTable::wanted_values(SqlAnswer answer) const {
    std::size_t step = type() == "sqlite" ? std::max<std::size_t>(answer.columns.size(), 1) : 1;
    std::vector<std::string> wanted;
    for (std::size_t i = 0; i < answer.values.size(); i += step) {
        auto& value = answer.values[i];
        if (value || type() == "pgsql") {
            wanted.push_back(value ? std::move(*value) : "");
        }
    }
    return wanted;
}

Lookup SqlTable::ask(std::string_view key) {
    if (auto refused = refuse_key(key)) {
        return std::move(*refused);
    }
    // Whether the key can be searched at all does not depend on the connection.
    if (!templates().query(query_, key, quote_nothing)) {
        return Lookup::not_found();
    }
    auto answer = servers_->query(
        [this, key](SqlConnection& connection) -> std::expected<std::string, std::string> {
            std::string trouble;
            Quote quote = [&connection, &trouble](std::string_view text, std::string& out) {
                auto quoted = connection.quote(text, out);
                if (!quoted) {
                    trouble = quoted.error();
                }
                return quoted.has_value();
            };
            auto statement = templates().query(query_, key, quote);
            return statement ? std::expected<std::string, std::string>(std::move(*statement))
                             : std::unexpected(trouble);
        });
    if (!answer) {
        return Lookup::retry("no database server could answer");
    }
    std::string result;
    int count = 0;
    for (const auto& value : wanted_values(std::move(*answer))) {
        if (templates().add_result(result_format(), value, key, result) && !within_limit(count)) {
            report_limit(key);
            return Lookup::retry("expansion limit exceeded");
        }
    }
    return result.empty() ? Lookup::not_found() : Lookup::found(std::move(result));
}

}  // namespace

OpenedTable open_sql_table(const OpenRequest& request) {
    return open_client_table<SqlTable, SqlDriver>(request, kSqlPluginName);
}

}  // namespace relais
