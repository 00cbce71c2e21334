// The client side of pgsql: tables, over libpq.  Calls are made in libpq's asynchronous form and
// waited for here, so that each wait has an end.
#include <cerrno>
#include <cstring>
#include <memory>

#include <libpq-fe.h>
#include <poll.h>

#include "lib/maps/databases/sql_client.h"

namespace {

using namespace relais;
using Clock = std::chrono::steady_clock;

struct EndConnection {
    void operator()(PGconn* connection) const { ::PQfinish(connection); }
};

struct ClearResult {
    void operator()(PGresult* result) const { ::PQclear(result); }
};

using Handle = std::unique_ptr<PGconn, EndConnection>;
using ResultSet = std::unique_ptr<PGresult, ClearResult>;

// Waits for the socket; false at the deadline.
bool wait_for(const PGconn* connection, short events, Clock::time_point deadline) {
    for (;;) {
        auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) {
            return false;
        }
        pollfd wait = {::PQsocket(connection), events, 0};
        int ready = ::poll(&wait, 1, static_cast<int>(left));
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
    }
}

class PgsqlConnection : public SqlConnection {
  public:
    PgsqlConnection(Handle handle, std::chrono::seconds timeout)
        : handle_(std::move(handle)), timeout_(timeout) {}

    std::expected<void, std::string> quote(std::string_view text, std::string& out) override;
    std::expected<SqlAnswer, SqlError> query(const std::string& statement) override;

  private:
    std::expected<ResultSet, SqlError> next_result(Clock::time_point deadline);
    std::expected<void, SqlError> take(const PGresult* result, SqlAnswer& answer) const;
    std::unexpected<SqlError> lost(std::string text) const;

    Handle handle_;
    std::chrono::seconds timeout_;
};

std::expected<void, std::string> PgsqlConnection::quote(std::string_view text, std::string& out) {
    std::string quoted(2 * text.size() + 1, '\0');
    int error = 0;
    std::size_t size =
        ::PQescapeStringConn(handle_.get(), quoted.data(), text.data(), text.size(), &error);
    if (error != 0) {
        return std::unexpected(::PQerrorMessage(handle_.get()));
    }
    out.append(quoted, 0, size);
    return {};
}

std::unexpected<SqlError> PgsqlConnection::lost(std::string text) const {
    return std::unexpected(SqlError{std::move(text), true});
}

// The next result of the query that was sent; null after the last.
std::expected<ResultSet, SqlError> PgsqlConnection::next_result(Clock::time_point deadline) {
    while (::PQisBusy(handle_.get()) != 0) {
        if (!wait_for(handle_.get(), POLLIN, deadline)) {
            return lost("timeout");
        }
        if (::PQconsumeInput(handle_.get()) == 0) {
            return lost(::PQerrorMessage(handle_.get()));
        }
    }
    return ResultSet(::PQgetResult(handle_.get()));
}

// Every column of every row is a value.
std::expected<void, SqlError> PgsqlConnection::take(const PGresult* result,
                                                    SqlAnswer& answer) const {
    switch (::PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_SINGLE_TUPLE:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
            break;
        default:
            return std::unexpected(SqlError{::PQerrorMessage(handle_.get()),
                                            ::PQstatus(handle_.get()) != CONNECTION_OK});
    }
    int columns = ::PQnfields(result);
    for (int column = 0; column < columns; ++column) {
        answer.columns.emplace_back(::PQfname(result, column));
    }
    for (int row = 0; row < ::PQntuples(result); ++row) {
        for (int column = 0; column < columns; ++column) {
            if (::PQgetisnull(result, row, column) != 0) {
                answer.values.emplace_back();
                continue;
            }
            answer.values.emplace_back(
                std::string(::PQgetvalue(result, row, column),
                            static_cast<std::size_t>(::PQgetlength(result, row, column))));
        }
    }
    return {};
}

// Of several statements, the last one's answer counts.
std::expected<SqlAnswer, SqlError> PgsqlConnection::query(const std::string& statement) {
    auto deadline = Clock::now() + timeout_;
    if (::PQsendQuery(handle_.get(), statement.c_str()) == 0) {
        return lost(::PQerrorMessage(handle_.get()));
    }
    SqlAnswer answer;
    std::expected<void, SqlError> outcome;
    for (;;) {
        auto result = next_result(deadline);
        if (!result) {
            return std::unexpected(result.error());
        }
        if (!*result) {
            break;
        }
        answer = {};
        outcome = take(result->get(), answer);
    }
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return answer;
}

class PgsqlDriver : public SqlDriver {
  public:
    OpenedSql connect(const SqlServer& server, const SqlOptions& options) const override;
};

Handle start(const SqlServer& server, const SqlOptions& options) {
    if (!server.whole.empty()) {
        return Handle(::PQconnectStart(server.whole.c_str()));
    }
    const std::string& host = server.path.empty() ? server.host : server.path;
    const char* names[] = {"host", "port", "dbname", "user", "password", nullptr};
    const char* values[] = {
        host.c_str(),         server.port.c_str(),      options.database.c_str(),
        options.user.c_str(), options.password.c_str(), nullptr};
    return Handle(::PQconnectStartParams(names, values, 0));
}

OpenedSql PgsqlDriver::connect(const SqlServer& server, const SqlOptions& options) const {
    auto deadline = Clock::now() + options.connect_timeout;
    Handle handle = start(server, options);
    if (!handle) {
        return std::unexpected(std::string("insufficient memory"));
    }
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (::PQstatus(handle.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(handle.get(), events, deadline)) {
            return std::unexpected(std::string("timeout"));
        }
        state = ::PQconnectPoll(handle.get());
    }
    if (state != PGRES_POLLING_OK || ::PQstatus(handle.get()) != CONNECTION_OK) {
        return std::unexpected(::PQerrorMessage(handle.get()));
    }
    if (::PQsetClientEncoding(handle.get(), options.encoding.c_str()) != 0) {
        return std::unexpected("cannot set the encoding to " + options.encoding);
    }
    return std::make_unique<PgsqlConnection>(std::move(handle), options.query_timeout);
}

}  // namespace

extern "C" {
extern const char relais_plugin[];
const char relais_plugin[] = "relais-sql-3";
const relais::SqlDriver* dict_pgsql_open();

const relais::SqlDriver* dict_pgsql_open() {
    static const PgsqlDriver driver;
    return &driver;
}
}
