#include "lib/maps/build/table_tool.h"

#include <algorithm>
#include <cstdio>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/build/key_input.h"
#include "lib/maps/map_source.h"

namespace relais {

namespace {

std::unique_ptr<Table> must_open(const std::string& reference, OpenMode mode, TableFlags flags) {
    auto table = open_table(reference, mode, flags | table_flag::kLock);
    if (!table) {
        log_fatal("{}", table.error().message);
    }
    return std::move(*table);
}

void stop_at(const std::optional<Error>& trouble) {
    if (trouble) {
        log_fatal("{}", trouble->message);
    }
}

bool erase_from(Table& table, std::string_view key) {
    auto erased = table.erase(key);
    if (!erased && erased.error().code == Errc::kDenied) {
        log_fatal("{}", erased.error().message);
    }
    if (!erased) {
        log_fatal("table {}: delete error: {}", table.reference(), erased.error().message);
    }
    return *erased;
}

// As JSON, where bytes that are no UTF-8 cannot be written as they are.
std::string json_string(std::string_view text) {
    std::string clean = is_utf8(text) ? std::string(text) : printable(text);
    std::string out = "\"";
    for (char c : clean) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < ' ') {
            out += format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

void check_type(const std::string& type) {
    auto known = table_type_names();
    if (!std::ranges::binary_search(known, type)) {
        log_fatal("unsupported dictionary type: {0}. Is the postfix-{0} package installed?", type);
    }
    if (!can_build_table_type(type) && !is_bdb_table_type(type)) {
        log_fatal("unsupported dictionary type: {} does not support bulk-mode creation.", type);
    }
}

void write_out(std::string_view text) {
    ::fwrite_unlocked(text.data(), 1, text.size(), stdout);
}

// Root takes on the identity of the file's owner, so that the table belongs to him too, and no
// link that he made leads to somebody else's file.
void become_owner(const struct stat& source) {
    if (::getuid() != 0 || (source.st_uid == ::geteuid() && source.st_gid == ::getegid())) {
        return;
    }
    if (::setgroups(1, &source.st_gid) != 0 || ::setegid(source.st_gid) != 0 ||
        ::seteuid(source.st_uid) != 0) {
        log_fatal("{}", fail_errno("change to the owner of the source").error().message);
    }
}

// The beginning of the value is enough to find it.
void warn_malformed(const std::string& reference, std::string_view key, std::string_view value) {
    constexpr std::size_t kShown = 30;
    log_warning("table {}: key {}: malformed BASE64 value: {}", reference, key,
                value.substr(0, kShown));
}

void warn_empty_result(const std::string& reference, std::string_view key) {
    log_warning("table {}: key {}: empty string result is not allowed", reference, key);
    log_warning("table {} should return NO RESULT in case of NOT FOUND", reference);
}

}  // namespace

std::string with_table_type(std::string_view argument) {
    if (argument.contains(':')) {
        return std::string(argument);
    }
    return conf().default_database_type() + ":" + std::string(argument);
}

void store_entry(Table& table, std::string_view key, std::string_view value) {
    auto stored = table.update(key, value);
    if (!stored) {
        log_fatal("table {}: write error: {}", table.reference(), stored.error().message);
    }
}

void TableTool::print(std::string_view key, std::string_view value) const {
    switch (form) {
        case Form::kMap:
            write_out(key);
            write_out("\t");
            write_out(value);
            write_out("\n");
            break;
        case Form::kAlias:
            write_out(key);
            write_out(":\t");
            write_out(value);
            write_out("\n");
            break;
        case Form::kJson:
            write_out(format("{{{}: {}}}\n", json_string(key), json_string(value)));
            break;
    }
}

std::optional<std::string> TableTool::find(OpenTables& opened, std::string_view key) const {
    opened.tables.resize(tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
        auto& table = opened.tables[i];
        if (!table) {
            table = must_open(tables[i], OpenMode::kRead, flags);
            if (opened.in_batch) {
                table->begin_batch();
            }
        }
        Lookup answer = table->find(key);
        if (answer.state() == Lookup::State::kConfig) {
            log_fatal("table {}: query error", table->reference());
        }
        if (answer.is_error()) {
            log_fatal("table {}: query error: {}", table->reference(), answer.reason());
        }
        if (answer.is_missing()) {
            continue;
        }
        if (answer.value().empty()) {
            // Postfix, too, names the table's file where there are many keys.
            warn_empty_result(opened.in_batch ? table->reference() : tables[i], key);
        }
        if (!values_are_files) {
            return std::move(answer).value();
        }
        auto decoded = base64_decode(answer.value());
        if (!decoded) {
            warn_malformed(table->reference(), key, answer.value());
            log_fatal("table {}: query error", table->reference());
        }
        return decoded;
    }
    return std::nullopt;
}

void TableTool::OpenTables::begin_batch() {
    in_batch = true;
    for (auto& table : tables) {
        if (table) {
            table->begin_batch();
        }
    }
}

void TableTool::OpenTables::end_batch() {
    in_batch = false;
    for (auto& table : tables) {
        if (table) {
            table->end_batch();
        }
    }
    std::fflush(stdout);
}

std::string TableTool::Line::where() const {
    return format("{}, line {}", path, number);
}

int TableTool::query(std::string_view key) const {
    OpenTables opened;
    auto value = find(opened, key);
    if (!value) {
        return 1;
    }
    if (form == Form::kJson) {
        print(key, *value);
    } else {
        write_out(*value + "\n");
    }
    return 0;
}

int TableTool::query_input() const {
    OpenTables opened;
    KeyInput input([&] { opened.end_batch(); }, [&] { opened.begin_batch(); });
    bool found = false;
    for (std::string_view key; input.next(key);) {
        if (auto value = find(opened, key)) {
            print(key, *value);
            found = true;
        }
    }
    return found ? 0 : 1;
}

int TableTool::erase(std::string_view key) const {
    bool found = false;
    for (const std::string& reference : tables) {
        auto table = must_open(reference, OpenMode::kUpdate, flags);
        found = erase_from(*table, key) || found;
    }
    return found ? 0 : 1;
}

int TableTool::erase_input() const {
    OpenTables opened;
    for (const std::string& reference : tables) {
        opened.tables.push_back(must_open(reference, OpenMode::kUpdate, flags));
    }
    KeyInput input([] {}, [] {});
    bool found = false;
    for (std::string_view key; input.next(key);) {
        for (auto& table : opened.tables) {
            found = erase_from(*table, key) || found;
        }
    }
    return found ? 0 : 1;
}

void TableTool::print_entry(const Table& table, TableEntry& entry) const {
    const std::string& reference = tables.front();
    if (entry.key.empty()) {
        log_warning("table {}: empty lookup key value is not allowed", reference);
    }
    if (entry.value.empty()) {
        warn_empty_result(reference, entry.key);
    }
    if (values_are_files) {
        auto decoded = base64_decode(entry.value);
        if (!decoded) {
            warn_malformed(table.reference(), entry.key, entry.value);
            return;
        }
        entry.value = std::move(*decoded);
    }
    print(entry.key, entry.value);
}

// Of several tables Postfix, too, lists the first.
void TableTool::list() const {
    if (tables.front().starts_with("proxy:")) {
        log_fatal("can't sequence maps via the proxy service");
    }
    auto table = must_open(tables.front(), OpenMode::kRead, flags);
    for (auto step = Table::Step::kFirst;; step = Table::Step::kNext) {
        auto entry = table->sequence(step);
        if (!entry) {
            log_fatal("{}", entry.error().message);
        }
        if (!*entry) {
            return;
        }
        print_entry(*table, **entry);
    }
}

void TableTool::build(const std::string& reference, const AddLine& add,
                      const std::function<void(Table&)>& after) const {
    auto parsed = parse_table_reference(reference);
    std::string path = parsed ? parsed->name : reference.substr(reference.find(':') + 1);
    UniqueFd opened;
    int fd = STDIN_FILENO;
    if (incremental) {
        path = "stdin";
    } else if (parsed && parsed->type == "proxy") {
        log_fatal("can't create maps via the proxy service");
    } else {
        auto file = open_file(path, O_RDONLY);
        if (!file) {
            log_fatal("{}", file.error().message);
        }
        opened = std::move(*file);
        fd = opened.get();
    }
    struct stat source = {};
    if (::fstat(fd, &source) != 0) {
        log_fatal("{}", fail_errno("fstat " + path).error().message);
    }
    if (keeps_permissions && S_ISREG(source.st_mode)) {
        ::umask(022 | (~source.st_mode & 077));
    }
    if (runs_as_owner) {
        become_owner(source);
    }
    LogicalLines lines(fd, path);
    stop_at(lines.trouble());
    if (parsed) {
        check_type(parsed->type);
    }
    OpenMode mode = incremental ? OpenMode::kCreate : OpenMode::kRebuild;
    auto table = must_open(reference, mode, flags | table_flag::kBulkUpdate);
    while (lines.next()) {
        add(*table, {lines.line(), path, lines.number()});
    }
    stop_at(lines.trouble());
    if (incremental) {
        table->replace_from_now_on();
    }
    after(*table);
    if (auto committed = table->commit(); !committed) {
        log_fatal("{}", committed.error().message);
    }
}

}  // namespace relais
