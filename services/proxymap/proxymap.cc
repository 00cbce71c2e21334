// proxymap(8) and proxywrite(8): hold lookup tables open for processes that cannot or should not
// open them (jails, many connections to one SQL server).  Everybody in the mail system may ask;
// only the tables that proxy_read_maps or proxy_write_maps name are answered from.  The service
// name tells which of the two a process is.
//
// Requests (lib/ipc/proxymap.h): open, lookup, update, delete, sequence.
#include "lib/ipc/proxymap.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/daemon/attr_service.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"
#include "lib/maps/later_table.h"
#include "lib/maps/registry.h"
#include "lib/maps/shared_tables.h"

using namespace relais;

namespace {

constexpr std::size_t kMaxRequest = std::size_t{1} << 20;
constexpr std::string_view kPrefix = "proxy:";

enum class Role { kReader, kWriter };

// A request, and the table that it is about.
struct Query {
    std::string command;
    std::string table;
    TableFlags flags = 0;
    std::string key;
    std::string value;
    int function = 0;
};

class Proxymap : public Daemon {
  public:
    void before_jail() override;
    Task<void> serve(Connection connection) override;

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    void approve(std::string_view list);
    bool is_approved(const std::string& table) const;
    std::shared_ptr<Table> find_table(const Query& query);
    [[nodiscard]] Task<bool> answer(const Attributes* request, AttrWriter* reply);
    [[nodiscard]] Task<void> look_up(Query query, std::shared_ptr<Table> table, AttrWriter* reply);
    static void change(const Query& query, Table& table, AttrWriter& reply);
    static void step(const Query& query, Table& table, AttrWriter& reply);
    static void refuse(const Query& query, ProxyStatus status, AttrWriter& reply);

    Role role_ = Role::kReader;
    std::unordered_set<std::string> approved_;
    std::unordered_map<std::string, std::shared_ptr<Table>> tables_;
};

void Proxymap::before_jail() {
    const std::string& service = process_info().service_name;
    if (service == conf().proxywrite_service_name()) {
        role_ = Role::kWriter;
    } else if (service != conf().proxymap_service_name()) {
        log_fatal("service name must be one of {} or {}", conf().proxymap_service_name(),
                  conf().proxywrite_service_name());
    }
    approve(role_ == Role::kWriter ? conf().proxy_write_maps() : conf().proxy_read_maps());
}

// Of everything that the parameters in the list hold, only what is marked counts.
void Proxymap::approve(std::string_view list) {
    for (const std::string& item : split_list(list)) {
        std::string_view table = item;
        while (table.starts_with(kPrefix)) {
            table.remove_prefix(kPrefix.size());
        }
        if (table.size() < item.size() && table.contains(':')) {
            approved_.emplace(table);
            note_later_table(table);
        }
    }
}

bool Proxymap::is_approved(const std::string& table) const {
    if (approved_.contains(table)) {
        return true;
    }
    bool reads = role_ == Role::kReader;
    log_warning("request for unapproved table: \"{}\"", printable(table));
    log_warning("to approve this table for {} access, list {}{} in main.cf:{}",
                reads ? "read-only" : "read-write", kPrefix, printable(table),
                reads ? "proxy_read_maps" : "proxy_write_maps");
    return false;
}

// Tables that cannot be opened are tried again with the next request.
std::shared_ptr<Table> Proxymap::find_table(const Query& query) {
    std::string name = format("{} {}", query.flags, query.table);
    auto known = tables_.find(name);
    if (known != tables_.end()) {
        return known->second;
    }
    if (role_ == Role::kReader) {
        auto table = shared_table(query.table, query.flags);
        if (!is_unavailable(*table)) {
            tables_.emplace(std::move(name), table);
        }
        return table;
    }
    auto opened = open_table(query.table, OpenMode::kCreate, query.flags);
    if (!opened) {
        log_error("{}", opened.error().message);
        return make_unavailable_table(query.table, query.flags, opened.error().message);
    }
    std::shared_ptr<Table> table = std::move(*opened);
    tables_.emplace(std::move(name), table);
    return table;
}

ProxyStatus status_of(const Lookup& answer) {
    switch (answer.state()) {
        case Lookup::State::kFound:
            return ProxyStatus::kOk;
        case Lookup::State::kNotFound:
            return ProxyStatus::kNoKey;
        case Lookup::State::kRetry:
            return ProxyStatus::kRetry;
        case Lookup::State::kConfig:
            break;
    }
    return ProxyStatus::kConfig;
}

AttrWriter& put_status(AttrWriter& reply, ProxyStatus status) {
    return reply.number("status", static_cast<int>(status));
}

Task<void> Proxymap::look_up(Query query, std::shared_ptr<Table> table, AttrWriter* reply) {
    Lookup answer = co_await table->lookup(std::move(query.key));
    put_status(*reply, status_of(answer));
    reply->string("value", answer.is_found() ? answer.value() : std::string()).end();
}

void Proxymap::change(const Query& query, Table& table, AttrWriter& reply) {
    Result<bool> done = true;
    if (query.command == "delete") {
        done = table.erase(query.key);
    } else if (auto updated = table.update(query.key, query.value); !updated) {
        done = fail_with(updated);
    }
    if (!done) {
        log_warning("{}", done.error().message);
        put_status(reply, ProxyStatus::kRetry).end();
    } else {
        put_status(reply, *done ? ProxyStatus::kOk : ProxyStatus::kNoKey).end();
    }
}

void Proxymap::step(const Query& query, Table& table, AttrWriter& reply) {
    auto entry = table.sequence(query.function == 0 ? Table::Step::kFirst : Table::Step::kNext);
    if (!entry) {
        log_warning("{}", entry.error().message);
        put_status(reply, ProxyStatus::kRetry).string("key", "").string("value", "").end();
    } else if (!*entry) {
        put_status(reply, ProxyStatus::kNoKey).string("key", "").string("value", "").end();
    } else {
        put_status(reply, ProxyStatus::kOk)
            .string("key", (*entry)->key)
            .string("value", (*entry)->value)
            .end();
    }
}

// A refusal has the same attributes as an answer.
void Proxymap::refuse(const Query& query, ProxyStatus status, AttrWriter& reply) {
    put_status(reply, status);
    if (query.command == "open") {
        reply.number("flags", 0);
    } else if (query.command == "lookup") {
        reply.string("value", "");
    } else if (query.command == "sequence") {
        reply.string("key", "").string("value", "");
    }
    reply.end();
}

bool read_query(const Attributes& request, Query& query) {
    AttrReader reader(request);
    query.command = reader.string("request");
    query.table = reader.string("table");
    query.flags = reader.number("flags") | table_flag::kUtf8Request;
    if (query.command == "lookup" || query.command == "delete" || query.command == "update") {
        query.key = reader.string("key");
    }
    if (query.command == "update") {
        query.value = reader.string("value");
    }
    if (query.command == "sequence") {
        query.function = reader.signed_number("function");
    }
    return !reader.failed();
}

Task<bool> Proxymap::answer(const Attributes* request, AttrWriter* reply) {
    Query query;
    bool complete = read_query(*request, query);
    bool changes = query.command == "update" || query.command == "delete";
    bool known = changes || query.command == "open" || query.command == "lookup" ||
                 query.command == "sequence";
    if (!known) {
        log_warning("unrecognized request: \"{}\", ignored", printable(query.command));
        put_status(*reply, ProxyStatus::kBad).end();
        co_return true;
    }
    if (!complete) {
        refuse(query, ProxyStatus::kBad, *reply);
        co_return true;
    }
    if (changes && role_ == Role::kReader) {
        log_warning("refusing {} request on {} service", query.command,
                    process_info().service_name);
        refuse(query, ProxyStatus::kDenied, *reply);
        co_return true;
    }
    if (!is_approved(query.table)) {
        refuse(query, ProxyStatus::kDenied, *reply);
        co_return true;
    }
    auto table = find_table(query);
    if (query.command == "open") {
        put_status(*reply, ProxyStatus::kOk).number("flags", table->flags()).end();
    } else if (query.command == "lookup") {
        co_await look_up(std::move(query), std::move(table), reply);
    } else if (query.command == "sequence") {
        step(query, *table, *reply);
    } else {
        change(query, *table, *reply);
    }
    co_return true;
}

Task<void> Proxymap::serve(Connection connection) {
    return serve_attributes(
        std::move(connection), kProxymapProtocol, kMaxRequest,
        [this](const Attributes* request, AttrWriter* reply) { return answer(request, reply); });
}

}  // namespace

// Opens tables when it is asked for them, and these may be anywhere.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "/"},
              {Access::kChange, "$proxy_write_maps"},
              {Access::kChange, "$data_directory"}},
    .reach = Reach::kServers,
};

int main(int argc, char** argv) {
    return run_daemon(argc, argv,
                      {.name = "proxymap", .kind = ServiceKind::kShared, .sandbox = &kSandbox},
                      [] { return std::make_unique<Proxymap>(); });
}
