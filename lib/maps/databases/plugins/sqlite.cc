// The client side of sqlite: tables.  There is no server: a connection is the open database file.
#include <memory>

#include <sqlite3.h>

#include "lib/maps/databases/sql_client.h"

namespace {

using namespace relais;

struct CloseDatabase {
    void operator()(sqlite3* database) const { ::sqlite3_close(database); }
};

struct EndStatement {
    void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
};

// A writer may hold the file; longer than this, the mail is to wait.
constexpr int kBusyMilliseconds = 1000;

class SqliteConnection : public SqlConnection {
  public:
    explicit SqliteConnection(std::unique_ptr<sqlite3, CloseDatabase> database)
        : database_(std::move(database)) {
        ::sqlite3_busy_timeout(database_.get(), kBusyMilliseconds);
    }

    std::expected<void, std::string> quote(std::string_view text, std::string& out) override {
        for (char c : text) {
            out.append(c == '\'' ? 2 : 1, c);
        }
        return {};
    }

    std::expected<SqlAnswer, SqlError> query(const std::string& statement) override;

  private:
    std::unexpected<SqlError> failure(const std::string& what) const {
        return std::unexpected(SqlError{what + ::sqlite3_errmsg(database_.get())});
    }

    std::unique_ptr<sqlite3, CloseDatabase> database_;
};

// The first statement of the query counts.
std::expected<SqlAnswer, SqlError> SqliteConnection::query(const std::string& statement) {
    sqlite3_stmt* prepared = nullptr;
    if (::sqlite3_prepare_v2(database_.get(), statement.c_str(), -1, &prepared, nullptr) !=
        SQLITE_OK) {
        return failure("SQL prepare failed: ");
    }
    std::unique_ptr<sqlite3_stmt, EndStatement> holder(prepared);
    SqlAnswer answer;
    int columns = prepared == nullptr ? 0 : ::sqlite3_column_count(prepared);
    for (int i = 0; i < columns; ++i) {
        answer.columns.emplace_back(::sqlite3_column_name(prepared, i));
    }
    int state = SQLITE_DONE;
    while (prepared != nullptr && (state = ::sqlite3_step(prepared)) == SQLITE_ROW) {
        for (int i = 0; i < columns; ++i) {
            const unsigned char* text = ::sqlite3_column_text(prepared, i);
            if (text == nullptr) {
                answer.values.emplace_back();
            } else {
                answer.values.emplace_back(reinterpret_cast<const char*>(text));
            }
        }
    }
    if (state != SQLITE_DONE) {
        return failure("SQL step failed for query '" + statement + "': ");
    }
    return answer;
}

class SqliteDriver : public SqlDriver {
  public:
    OpenedSql connect(const SqlServer& server, const SqlOptions& options) const override;
};

OpenedSql SqliteDriver::connect(const SqlServer& /*server*/, const SqlOptions& options) const {
    sqlite3* opened = nullptr;
    int state = ::sqlite3_open(options.database.c_str(), &opened);
    std::unique_ptr<sqlite3, CloseDatabase> database(opened);
    if (state != SQLITE_OK) {
        return std::unexpected(
            std::string("Can't open database: ") +
            (opened == nullptr ? ::sqlite3_errstr(state) : ::sqlite3_errmsg(opened)));
    }
    return std::make_unique<SqliteConnection>(std::move(database));
}

}  // namespace

extern "C" {
extern const char relais_plugin[];
const char relais_plugin[] = "relais-sql-3";
const relais::SqlDriver* dict_sqlite_open();

const relais::SqlDriver* dict_sqlite_open() {
    static const SqliteDriver driver;
    return &driver;
}
}
