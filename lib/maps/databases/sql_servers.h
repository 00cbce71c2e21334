// The servers of one SQL table and the connections to them: which one is asked, and for how long
// one that failed is left alone.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lib/maps/databases/sql_client.h"

namespace relais {

// Writes the statement for a connection, whose quoting it uses.  Empty: the key cannot be quoted.
using StatementFor = std::function<std::expected<std::string, std::string>(SqlConnection&)>;

class SqlServers {
  public:
    struct Limits {
        std::chrono::seconds idle;   // an unused connection is made anew
        std::chrono::seconds retry;  // a failed server is left alone
    };

    // `type` is the table's; `reference` is type:name.
    SqlServers(std::string type, std::string reference, const SqlDriver* driver,
               std::vector<SqlServer> servers, SqlOptions options, Limits limits);

    // Asks one server after the other until one answers.  Failures are logged.
    std::optional<SqlAnswer> query(const StatementFor& statement_for);

    // Connects to one server at once; the error of the last that was tried.
    [[nodiscard]] std::expected<void, std::string> open();

    // In a child process: the connections belong to the parent, and are let be.
    void abandon();

  private:
    using Clock = std::chrono::steady_clock;

    struct Host {
        SqlServer server;
        std::unique_ptr<SqlConnection> connection;
        Clock::time_point last_used;
        Clock::time_point down_until;
        bool tried = false;  // in the query at hand
    };

    Host* next_host();
    Host* pick(bool connected, bool local);
    bool connect(Host& host);
    void set_down(Host& host);
    std::optional<SqlAnswer> ask(Host& host, const StatementFor& statement_for);
    void report(const Host& host, const std::string& text) const;

    std::string type_;
    std::string reference_;
    const SqlDriver* driver_;
    std::vector<Host> hosts_;
    SqlOptions options_;
    Limits limits_;
    std::string last_error_;
    std::minstd_rand chance_;
};

}  // namespace relais
