// The client side of mysql: tables, over the client library of MariaDB (or MySQL).
#include <memory>

#include <mysql.h>

#include "lib/maps/databases/sql_client.h"

namespace {

using namespace relais;

struct CloseHandle {
    void operator()(MYSQL* handle) const { ::mysql_close(handle); }
};

struct FreeResult {
    void operator()(MYSQL_RES* result) const { ::mysql_free_result(result); }
};

using Handle = std::unique_ptr<MYSQL, CloseHandle>;
using ResultSet = std::unique_ptr<MYSQL_RES, FreeResult>;

// Errors of the client, not of the server, are those of the connection (errmsg.h: CR_MIN_ERROR to
// CR_MAX_ERROR); ER_SERVER_SHUTDOWN and ER_CONNECTION_KILLED end it from the other side.
bool ends_connection(unsigned error) {
    return (error >= 2000 && error < 3000) || (error >= 5000 && error < 6000) || error == 1053 ||
           error == 1927;
}

class MysqlConnection : public SqlConnection {
  public:
    explicit MysqlConnection(Handle handle, bool needs_result_set)
        : handle_(std::move(handle)), needs_result_set_(needs_result_set) {}

    std::expected<void, std::string> quote(std::string_view text, std::string& out) override;
    std::expected<SqlAnswer, SqlError> query(const std::string& statement) override;

  private:
    std::expected<void, SqlError> take_result(SqlAnswer& answer, bool& found);
    std::unexpected<SqlError> failure(const std::string& what) const;

    Handle handle_;
    bool needs_result_set_;
};

std::expected<void, std::string> MysqlConnection::quote(std::string_view text, std::string& out) {
    std::string quoted(2 * text.size() + 1, '\0');
    unsigned long size = ::mysql_real_escape_string(handle_.get(), quoted.data(), text.data(),
                                                    static_cast<unsigned long>(text.size()));
    if (size == static_cast<unsigned long>(-1)) {
        return std::unexpected(std::string(::mysql_error(handle_.get())));
    }
    out.append(quoted, 0, size);
    return {};
}

std::unexpected<SqlError> MysqlConnection::failure(const std::string& what) const {
    return std::unexpected(SqlError{what + ::mysql_error(handle_.get()),
                                    ends_connection(::mysql_errno(handle_.get()))});
}

// Every column of every row is a value.
std::expected<void, SqlError> MysqlConnection::take_result(SqlAnswer& answer, bool& found) {
    ResultSet result(::mysql_store_result(handle_.get()));
    if (!result) {
        if (::mysql_errno(handle_.get()) != 0) {
            return failure("(mysql_store_result): ");
        }
        return {};
    }
    if (found) {
        return std::unexpected(
            SqlError{"multiple result sets returning data are not supported", false});
    }
    found = true;
    unsigned columns = ::mysql_num_fields(result.get());
    const MYSQL_FIELD* fields = ::mysql_fetch_fields(result.get());
    for (unsigned i = 0; i < columns; ++i) {
        answer.columns.emplace_back(fields[i].name, fields[i].name_length);
    }
    while (MYSQL_ROW row = ::mysql_fetch_row(result.get())) {
        const unsigned long* sizes = ::mysql_fetch_lengths(result.get());
        for (unsigned i = 0; i < columns; ++i) {
            if (row[i] == nullptr) {
                answer.values.emplace_back();
            } else {
                answer.values.emplace_back(std::string(row[i], sizes[i]));
            }
        }
    }
    return {};
}

// A stored procedure answers with a result set and, behind it, its status.
std::expected<SqlAnswer, SqlError> MysqlConnection::query(const std::string& statement) {
    if (::mysql_real_query(handle_.get(), statement.data(),
                           static_cast<unsigned long>(statement.size())) != 0) {
        return failure("");
    }
    SqlAnswer answer;
    bool found = false;
    std::expected<void, SqlError> wrong;
    int more = 0;
    do {
        auto taken = take_result(answer, found);
        if (!taken && wrong) {
            wrong = taken;
        }
        more = ::mysql_next_result(handle_.get());
    } while (more == 0);
    if (more > 0) {
        return failure("(mysql_next_result): ");
    }
    if (!wrong) {
        return std::unexpected(wrong.error());
    }
    if (!found && needs_result_set_) {
        return std::unexpected(
            SqlError{"query returned no result set(require_result_set = yes)", false});
    }
    return answer;
}

class MysqlDriver : public SqlDriver {
  public:
    OpenedSql connect(const SqlServer& server, const SqlOptions& options) const override;
};

const char* pointer(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
}

void set_tls(MYSQL* handle, const SqlOptions& options) {
    if (!options.tls_key_file.empty() || !options.tls_certificate_file.empty() ||
        !options.tls_ca_file.empty() || !options.tls_ca_path.empty() ||
        !options.tls_ciphers.empty()) {
        ::mysql_ssl_set(handle, pointer(options.tls_key_file),
                        pointer(options.tls_certificate_file), pointer(options.tls_ca_file),
                        pointer(options.tls_ca_path), pointer(options.tls_ciphers));
    }
    if (options.tls_verify) {
        my_bool verify = *options.tls_verify ? 1 : 0;
        ::mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    }
}

void set_options(MYSQL* handle, const SqlOptions& options) {
    auto connect_time = static_cast<unsigned>(options.connect_timeout.count());
    auto query_time = static_cast<unsigned>(options.query_timeout.count());
    ::mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_time);
    ::mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &query_time);
    ::mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &query_time);
    ::mysql_options(handle, MYSQL_SET_CHARSET_NAME, options.encoding.c_str());
    if (!options.option_file.empty()) {
        ::mysql_options(handle, MYSQL_READ_DEFAULT_FILE, options.option_file.c_str());
    }
    if (!options.option_group.empty()) {
        ::mysql_options(handle, MYSQL_READ_DEFAULT_GROUP, options.option_group.c_str());
    }
}

OpenedSql MysqlDriver::connect(const SqlServer& server, const SqlOptions& options) const {
    Handle handle(::mysql_init(nullptr));
    if (!handle) {
        return std::unexpected(std::string("insufficient memory"));
    }
    set_options(handle.get(), options);
    set_tls(handle.get(), options);
    unsigned port = 0;
    for (char digit : server.port) {
        if (digit < '0' || digit > '9' || port > 65535) {
            return std::unexpected("invalid port: " + server.port);
        }
        port = port * 10 + static_cast<unsigned>(digit - '0');
    }
    // Statements behind one another are how stored procedures answer; the query itself is one.
    if (::mysql_real_connect(handle.get(), pointer(server.host), pointer(options.user),
                             pointer(options.password), options.database.c_str(), port,
                             pointer(server.path), CLIENT_MULTI_RESULTS) == nullptr) {
        return std::unexpected(std::string(::mysql_error(handle.get())));
    }
    return std::make_unique<MysqlConnection>(std::move(handle), options.needs_result_set);
}

}  // namespace

extern "C" {
extern const char relais_plugin[];
const char relais_plugin[] = "relais-sql-3";
const relais::SqlDriver* dict_mysql_open();

const relais::SqlDriver* dict_mysql_open() {
    static const MysqlDriver driver;
    return &driver;
}
}
