#include "lib/maps/databases/sql_servers.h"

#include "lib/base/log.h"

namespace relais {

SqlServers::SqlServers(std::string type, std::string reference, const SqlDriver* driver,
                       std::vector<SqlServer> servers, SqlOptions options, Limits limits)
    : type_(std::move(type)),
      reference_(std::move(reference)),
      driver_(driver),
      options_(std::move(options)),
      limits_(limits),
      chance_(std::random_device()()) {
    for (SqlServer& server : servers) {
        hosts_.emplace_back().server = std::move(server);
    }
}

// One of those that qualify, by chance.
SqlServers::Host* SqlServers::pick(bool connected, bool local) {
    auto now = Clock::now();
    Host* chosen = nullptr;
    std::size_t count = 0;
    for (Host& host : hosts_) {
        bool is_local = host.server.host.empty() && host.server.whole.empty();
        if (host.tried || is_local != local || (host.connection != nullptr) != connected ||
            (!connected && host.down_until > now)) {
            continue;
        }
        ++count;
        std::uniform_int_distribution<std::size_t> dice(1, count);
        if (dice(chance_) == 1) {
            chosen = &host;
        }
    }
    return chosen;
}

// Servers that are connected come first, and before others those on this machine.
SqlServers::Host* SqlServers::next_host() {
    for (bool connected : {true, false}) {
        for (bool local : {true, false}) {
            if (Host* host = pick(connected, local)) {
                return host;
            }
        }
    }
    return nullptr;
}

bool SqlServers::connect(Host& host) {
    auto opened = driver_->connect(host.server, options_);
    if (!opened) {
        last_error_ = opened.error();
        if (type_ != "sqlite") {
            log_warning("connect to {} server {}: {}", type_, host.server.name, opened.error());
        }
        set_down(host);
        return false;
    }
    host.connection = std::move(*opened);
    host.last_used = Clock::now();
    return true;
}

void SqlServers::set_down(Host& host) {
    host.connection.reset();
    host.down_until = Clock::now() + limits_.retry;
}

std::expected<void, std::string> SqlServers::open() {
    for (Host& host : hosts_) {
        if (connect(host)) {
            return {};
        }
    }
    return std::unexpected(last_error_);
}

void SqlServers::report(const Host& host, const std::string& text) const {
    if (type_ == "pgsql") {
        log_warning("pgsql query failed: fatal error from host {}: {}", host.server.name, text);
    } else {
        log_warning("{}: query failed: {}", reference_, text);
    }
}

// A connection that the server closed while it was not in use is made anew, and the query sent
// again; only a fresh one that fails speaks against the server.
std::optional<SqlAnswer> SqlServers::ask(Host& host, const StatementFor& statement_for) {
    if (host.connection && Clock::now() - host.last_used > limits_.idle) {
        host.connection.reset();
    }
    for (;;) {
        bool fresh = host.connection == nullptr;
        if (fresh && !connect(host)) {
            return std::nullopt;
        }
        auto statement = statement_for(*host.connection);
        if (!statement) {
            log_warning("dict {}: (host {}) cannot escape input string: {}", type_,
                        host.server.name, statement.error());
            return std::nullopt;
        }
        auto answer = host.connection->query(*statement);
        if (answer) {
            host.last_used = Clock::now();
            return std::move(*answer);
        }
        if (!answer.error().connection_lost) {
            report(host, answer.error().text);
            return std::nullopt;
        }
        host.connection.reset();
        if (fresh) {
            report(host, answer.error().text);
            set_down(host);
            return std::nullopt;
        }
    }
}

std::optional<SqlAnswer> SqlServers::query(const StatementFor& statement_for) {
    for (Host& host : hosts_) {
        host.tried = false;
    }
    while (Host* host = next_host()) {
        host->tried = true;
        if (auto answer = ask(*host, statement_for)) {
            return answer;
        }
    }
    return std::nullopt;
}

void SqlServers::abandon() {
    for (Host& host : hosts_) {
        static_cast<void>(host.connection.release());
    }
}

}  // namespace relais
