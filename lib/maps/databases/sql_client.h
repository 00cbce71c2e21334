// What a plug-in for an SQL table type does: talk to one server through the client library.  All
// else (settings, templates, the choice among servers) is SqlTable's.  MongoDB is no SQL, and is
// asked in the same way: its statement is the filter of a search, in JSON.
//
// The plug-ins include this header and nothing that needs linking: they are shared objects of their
// own, built with the programs, and kSqlPluginName changes whenever this header does.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

// The text of the symbol relais_plugin in each SQL plug-in.
inline constexpr std::string_view kSqlPluginName = "relais-sql-3";

struct SqlServer {
    std::string name;   // as it was configured, for messages
    std::string host;   // host name or address; empty: the library's local connection
    std::string path;   // of a UNIX-domain socket, instead of a host
    std::string port;   // digits; empty: the library's default
    std::string whole;  // a connection string that tells everything by itself (pgsql)
};

struct SqlOptions {
    std::string user;
    std::string password;
    std::string database;  // sqlite: the file
    std::string encoding;
    std::string option_file;
    std::string option_group;
    std::string tls_key_file;
    std::string tls_certificate_file;
    std::string tls_ca_file;
    std::string tls_ca_path;
    std::string tls_ciphers;
    std::optional<bool> tls_verify;
    bool needs_result_set = true;
    std::string collection;               // mongodb
    std::string projection;               // mongodb: which fields, in JSON
    std::vector<std::string> attributes;  // mongodb: or their names
    // Where a query can be answered, and something is odd.
    std::function<void(const std::string&)> warn;
    std::chrono::seconds connect_timeout{};
    std::chrono::seconds query_timeout{};
};

// Values that may be NULL, row by row.
using SqlValues = std::vector<std::optional<std::string>>;

struct SqlAnswer {
    std::vector<std::string> columns;  // their names; none from mongodb, which has no rows
    SqlValues values;
};

struct SqlError {
    std::string text;
    // The connection is of no use any more; otherwise the server answered, and refused the query.
    bool connection_lost = false;
};

// One connection, open from construction to destruction.
class SqlConnection {
  public:
    SqlConnection() = default;
    SqlConnection(const SqlConnection&) = delete;
    SqlConnection& operator=(const SqlConnection&) = delete;
    virtual ~SqlConnection() = default;

    // Appends text as it may stand between the quotes of a string literal, in the connection's
    // encoding.
    virtual std::expected<void, std::string> quote(std::string_view text, std::string& out) = 0;

    virtual std::expected<SqlAnswer, SqlError> query(const std::string& statement) = 0;
};

using OpenedSql = std::expected<std::unique_ptr<SqlConnection>, std::string>;

// What the open function of an SQL plug-in returns.
class SqlDriver {
  public:
    virtual ~SqlDriver() = default;
    virtual OpenedSql connect(const SqlServer& server, const SqlOptions& options) const = 0;
};

}  // namespace relais
