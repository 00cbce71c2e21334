// memcache: - a cache server, and behind it (optionally) a table that lasts: what the cache does
// not have is looked up there and put into the cache.
#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/databases/client_settings.h"
#include "lib/maps/databases/key_template.h"
#include "lib/maps/match_list.h"
#include "lib/maps/servers/table_connection.h"
#include "lib/maps/servers/table_replies.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

struct MemcacheSettings {
    std::string key_format;
    KeyTemplates templates;
    TableServer::Limits limits;
    int flags = 0;
    int ttl = 3600;
    int tries = 2;
    std::chrono::seconds pause{1};
    std::size_t line_limit = 1024;
    std::size_t data_limit = 10240;
};

class MemcacheTable : public Table {
  public:
    MemcacheTable(const OpenRequest& request, TableEndpoint endpoint, MemcacheSettings settings,
                  MatchList domains, std::unique_ptr<Table> backup)
        : Table(request.type, request.name,
                request.flags | table_flag::kFixed | table_flag::kMultiWriter),
          server_(std::move(endpoint), settings.limits),
          settings_(std::move(settings)),
          domains_(std::move(domains)),
          backup_(std::move(backup)) {}

    bool waits() const override { return true; }

    bool changed() const override { return backup_ && backup_->changed(); }

    bool refresh() override { return !backup_ || backup_->refresh(); }

    Result<std::optional<TableEntry>> sequence(Step step) override;

  protected:
    Lookup find_key(std::string_view key) override {
        return run_inline(ask(std::string(key), Waiting::kBlock));
    }

    Task<Lookup> lookup_key(std::string key) override {
        return ask(std::move(key), Waiting::kSuspend);
    }

    Result<void> update_key(std::string_view key, std::string_view value) override;
    Result<bool> erase_key(std::string_view key) override;

  private:
    // What the server said to a request.
    struct Reply {
        std::string line;
        std::string value;  // behind a VALUE line
    };

    enum class Expect { kValue, kLine };

    [[nodiscard]] Task<Lookup> ask(std::string key, Waiting waiting);
    [[nodiscard]] Task<Lookup> fetch(std::string cache_key, Waiting waiting);
    [[nodiscard]] Task<Result<void>> store(std::string cache_key, std::string value,
                                           Waiting waiting);
    [[nodiscard]] Task<Result<Reply>> exchange(std::string request, Expect expect, Waiting waiting);
    [[nodiscard]] Task<Result<Reply>> try_once(TableConnection* connection, std::string request,
                                               Expect expect, Waiting waiting) const;
    [[nodiscard]] Task<Result<std::string>> take_line(TableConnection* connection,
                                                      Waiting waiting) const;
    [[nodiscard]] Task<Result<std::string>> take_value(TableConnection* connection,
                                                       std::size_t size, Waiting waiting) const;
    // The key in the cache; the error says why this one is not asked about.
    Result<std::string> cache_key(std::string_view key) const;

    TableServer server_;
    MemcacheSettings settings_;
    MatchList domains_;
    std::unique_ptr<Table> backup_;
};

Result<std::string> MemcacheTable::cache_key(std::string_view key) const {
    if (!domains_.empty()) {
        auto parts = split_last(key, '@');
        bool matches =
            parts && !parts->first.empty() && domains_.matches(parts->second) == Match::kYes;
        if (!matches) {
            return fail(Errc::kDenied, "domain mismatch");
        }
    }
    if (key.empty()) {
        return fail(Errc::kDenied, "empty lookup key");
    }
    auto expanded = settings_.templates.query(settings_.key_format, key, quote_nothing);
    if (!expanded) {
        return fail(Errc::kDenied, "empty lookup key expansion");
    }
    // A blank or a line end would make another command of it.
    if (std::ranges::any_of(*expanded, [](char c) { return is_blank(c) || c == '\0'; })) {
        return fail(Errc::kDenied, "name contains space");
    }
    return std::move(*expanded);
}

Task<Result<std::string>> MemcacheTable::take_line(TableConnection* connection,
                                                   Waiting waiting) const {
    for (;;) {
        std::string& input = connection->input();
        std::size_t end = input.find('\n');
        if (std::min(end, input.size()) > settings_.line_limit) {
            co_return fail(Errc::kTooLarge, "line is too long");
        }
        if (end != std::string::npos) {
            std::string line(trim_right(std::string_view(input).substr(0, end)));
            input.erase(0, end + 1);
            co_return line;
        }
        auto more = co_await connection->receive(waiting);
        if (!more) {
            co_return fail_with(more);
        }
    }
}

Task<Result<std::string>> MemcacheTable::take_value(TableConnection* connection, std::size_t size,
                                                    Waiting waiting) const {
    std::string& input = connection->input();
    while (input.size() < size + 2) {
        auto more = co_await connection->receive(waiting);
        if (!more) {
            co_return fail_with(more);
        }
    }
    if (input.compare(size, 2, "\r\n") != 0) {
        co_return fail(Errc::kCorrupt, "malformed reply");
    }
    std::string value = input.substr(0, size);
    input.erase(0, size + 2);
    co_return value;
}

// Errors: kSyntax and kCorrupt have their own words for the log; all others are trouble with the
// connection.
Task<Result<MemcacheTable::Reply>> MemcacheTable::try_once(TableConnection* connection,
                                                           std::string request, Expect expect,
                                                           Waiting waiting) const {
    auto sent = co_await connection->send(std::move(request), waiting);
    if (!sent) {
        co_return fail_with(sent);
    }
    auto line = co_await take_line(connection, waiting);
    if (!line) {
        co_return fail_with(line);
    }
    Reply reply;
    reply.line = std::move(*line);
    if (expect == Expect::kLine) {
        co_return reply;
    }
    auto header = parse_memcache_header(reply.line, settings_.data_limit);
    if (header.kind == MemcacheHeader::Kind::kUnexpected) {
        co_return fail(Errc::kSyntax,
                       "unexpected memcache server reply: " + printable(reply.line).substr(0, 30));
    }
    if (header.kind == MemcacheHeader::Kind::kEnd) {
        reply.line.clear();
        co_return reply;
    }
    auto value = co_await take_value(connection, header.size, waiting);
    if (!value) {
        co_return fail(Errc::kCorrupt, "EOF receiving memcache server reply");
    }
    reply.value = value->substr(0, value->find('\0'));
    auto last = co_await take_line(connection, waiting);
    if (!last) {
        co_return fail_with(last);
    }
    co_return reply;
}

Task<Result<MemcacheTable::Reply>> MemcacheTable::exchange(std::string request, Expect expect,
                                                           Waiting waiting) {
    for (int tried = 1;; ++tried) {
        auto connection = co_await server_.connect(waiting);
        if (!connection) {
            log_warning("connect to {}: {}", server_.endpoint().name, connection.error().message);
            co_return fail_with(connection);
        }
        auto reply = co_await try_once(connection->get(), request, expect, waiting);
        if (reply) {
            server_.give_back(std::move(*connection));
            co_return reply;
        }
        if (tried >= settings_.tries) {
            co_return reply;
        }
        const Error& error = reply.error();
        if (error.code == Errc::kSyntax || error.code == Errc::kCorrupt) {
            log_warning("{}: {}", name(), error.message);
        } else {
            log_warning("database {}: I/O error: {}", reference(), error.message);
        }
        co_await pause_lookup(settings_.pause, waiting);
    }
}

Task<Lookup> MemcacheTable::fetch(std::string cache_key, Waiting waiting) {
    std::string request = format("get {}\r\n", cache_key);
    auto reply = co_await exchange(std::move(request), Expect::kValue, waiting);
    if (!reply) {
        co_return Lookup::retry(reply.error().message);
    }
    co_return reply->line.empty() ? Lookup::not_found() : Lookup::found(std::move(reply->value));
}

Task<Result<void>> MemcacheTable::store(std::string cache_key, std::string value, Waiting waiting) {
    if (value.size() > settings_.data_limit) {
        log_warning("database {}: data for key {} is too long ({}={}) -- not stored", reference(),
                    cache_key, "data_size_limit", settings_.data_limit);
        co_return fail(Errc::kTooLarge, "value is too long");
    }
    std::string request = format("set {} {} {} {}\r\n{}\r\n", cache_key, settings_.flags,
                                 settings_.ttl, value.size(), value);
    auto reply = co_await exchange(std::move(request), Expect::kLine, waiting);
    if (!reply) {
        co_return fail_with(reply);
    }
    if (reply->line != "STORED") {
        log_warning("database {}: update failed: {}", reference(),
                    printable(reply->line).substr(0, 30));
        co_return fail(Errc::kTemporary, "update failed");
    }
    co_return Result<void>();
}

Task<Lookup> MemcacheTable::ask(std::string key, Waiting waiting) {
    auto cached = cache_key(key);
    Lookup answer = Lookup::not_found();
    if (cached) {
        answer = co_await fetch(*cached, waiting);
    }
    if (answer.is_found() || !backup_) {
        co_return answer;
    }
    if (waiting == Waiting::kBlock) {
        answer = backup_->find(key);
    } else {
        answer = co_await backup_->lookup(key);
    }
    if (answer.is_found() && cached) {
        // The answer stands, whether the cache takes it or not.
        auto stored = co_await store(*cached, answer.value(), waiting);
        static_cast<void>(stored);
    }
    co_return answer;
}

Result<void> MemcacheTable::update_key(std::string_view key, std::string_view value) {
    auto cached = cache_key(key);
    Result<void> done;
    if (!cached) {
        log_warning("{}: skipping update for name \"{}\": {}", name(), key, cached.error().message);
    } else {
        done = run_inline(store(*cached, std::string(value), Waiting::kBlock));
    }
    return backup_ ? backup_->update(key, value) : done;
}

Result<bool> MemcacheTable::erase_key(std::string_view key) {
    Result<bool> done = false;
    if (auto cached = cache_key(key)) {
        auto reply =
            run_inline(exchange(format("delete {}\r\n", *cached), Expect::kLine, Waiting::kBlock));
        if (!reply) {
            done = fail_with(reply);
        } else if (reply->line == "DELETED" || reply->line == "NOT_FOUND") {
            done = reply->line == "DELETED";
        } else {
            log_warning("database {}: delete failed: {}", reference(),
                        printable(reply->line).substr(0, 30));
            done = fail(Errc::kTemporary, "delete failed");
        }
    }
    return backup_ ? backup_->erase(key) : done;
}

Result<std::optional<TableEntry>> MemcacheTable::sequence(Step step) {
    if (backup_) {
        return backup_->sequence(step);
    }
    log_warning("database {}: first/next support requires backup database", reference());
    return std::nullopt;
}

Result<MemcacheSettings> read_settings(ClientSettings& from, const std::string& name) {
    MemcacheSettings out{.key_format = from.text("key_format", "%s"),
                         .templates = KeyTemplates(name, "memcache:" + name),
                         .limits = {}};
    auto known = out.templates.inspect(out.key_format, KeyTemplates::Use::kQuery);
    if (!known) {
        return fail_with(known);
    }
    out.flags = from.number("flags", 0, 0);
    out.ttl = from.number("ttl", 3600, 0);
    out.tries = from.number("max_try", 2, 1);
    out.limits.timeout = std::chrono::seconds(from.number("timeout", 2, 0));
    out.pause = std::chrono::seconds(from.number("retry_pause", 1, 1));
    out.line_limit = static_cast<std::size_t>(from.number("line_size_limit", 1024, 1));
    out.data_limit = static_cast<std::size_t>(from.number("data_size_limit", 10240, 1));
    if (auto read = from.failure(); !read) {
        return fail_with(read);
    }
    return out;
}

}  // namespace

OpenedTable open_memcache_table(const OpenRequest& request) {
    if ((request.flags & table_flag::kNoUnauthenticated) != 0) {
        return fail(Errc::kDenied, format("{}:{} map is not allowed for security-sensitive data",
                                          request.type, request.name));
    }
    auto source = ClientSettings::load(request.name);
    if (!source) {
        return fail_with(source);
    }
    auto settings = read_settings(*source, request.name);
    if (!settings) {
        return fail_with(settings);
    }
    auto endpoint = TableEndpoint::parse(source->text("memcache", "inet:localhost:11211"));
    if (!endpoint) {
        return fail_with(endpoint);
    }
    std::unique_ptr<Table> backup;
    if (std::string reference = source->text("backup"); !reference.empty()) {
        auto opened = open_table(reference, request.mode, request.flags);
        if (!opened) {
            return fail_with(opened);
        }
        backup = std::move(*opened);
    }
    MatchList domains(request.name, source->text("domain"), MatchList::Kind::kString);
    return std::make_unique<MemcacheTable>(request, std::move(*endpoint), std::move(*settings),
                                           std::move(domains), std::move(backup));
}

}  // namespace relais
