#include "lib/maps/builtin/memory_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/values.h"
#include "lib/mail/casefold.h"
#include "lib/maps/file_value.h"
#include "lib/maps/map_source.h"
#include "lib/maps/table_types.h"

namespace relais {

Lookup MemoryTable::find_key(std::string_view key) {
    auto it = entries_.find(key);
    return it == entries_.end() ? Lookup::not_found() : Lookup::found(it->second);
}

Result<std::optional<TableEntry>> MemoryTable::sequence(Step step) {
    if (step == Step::kFirst) {
        walk_ = entries_.begin();
    }
    if (walk_ == entries_.end()) {
        return std::nullopt;
    }
    TableEntry entry{walk_->first, walk_->second};
    ++walk_;
    return entry;
}

bool MemoryTable::insert(std::string_view key, std::string_view value) {
    return entries_.try_emplace(std::string(key), value).second;
}

std::string MemoryTable::folded(std::string_view key) const {
    if ((flags() & table_flag::kFoldFixed) == 0) {
        return std::string(key);
    }
    return (flags() & table_flag::kUtf8Active) != 0 ? fold_case(key) : lowercase(key);
}

namespace {

constexpr std::size_t kLargestSource = std::size_t{1} << 31;

// texthash: postmap's source text, read at once when the table is opened.
class TextHashTable : public MemoryTable {
  public:
    explicit TextHashTable(const OpenRequest& request)
        : MemoryTable(request.type, request.name, request.flags | table_flag::kFixed) {}

    Result<void> load();

    bool changed() const override;
    bool refresh() override;

  protected:
    Lookup find_key(std::string_view key) override;

  private:
    void add_line(std::string_view line, std::size_t number);

    Result<void> read_open_file();

    UniqueFd file_;
    struct stat opened_ = {};
};

Result<void> TextHashTable::load() {
    auto file = open_file(name(), O_RDONLY);
    if (!file) {
        return fail_errno("open database " + name(), file.error().sys_errno);
    }
    file_ = std::move(*file);
    return read_open_file();
}

Result<void> TextHashTable::read_open_file() {
    struct stat now = {};
    if (::fstat(file_.get(), &now) != 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
        return fail_errno("read " + name());
    }
    auto text = read_all(file_.get(), kLargestSource);
    if (!text) {
        return fail_with(text);
    }
    opened_ = now;
    set_owner(now.st_uid);
    entries_.clear();
    LogicalLines lines(*text, name());
    while (lines.next()) {
        add_line(lines.line(), lines.number());
    }
    return {};
}

void TextHashTable::add_line(std::string_view line, std::size_t number) {
    if ((flags() & table_flag::kUtf8Active) != 0 && !is_utf8(line)) {
        log_warning("{}, line {}: non-UTF-8 input \"{}\" -- ignoring this line", name(), number,
                    printable(line));
        return;
    }
    auto entry = parse_map_entry(line);
    if (!entry && entry.error() == SourceFault::kUnbalancedQuote) {
        log_warning("{}, line {}: unbalanced '\"' in '{}' -- ignoring this line", name(), number,
                    line);
        return;
    }
    if (!entry) {
        log_warning("{}, line {}: expected format: key whitespace value -- ignoring this line",
                    name(), number);
        return;
    }
    if (entry->key.back() == ':') {
        log_warning("{}, line {}: record is in \"key: value\" format; is this an alias file?",
                    name(), number);
    }
    auto value = value_from_source(entry->value, flags());
    if (!value) {
        log_warning("{}, line {}: {}: skipping this entry", name(), number, value.error().message);
        return;
    }
    std::string key = folded(entry->key);
    if (insert(key, *value) || (flags() & table_flag::kIgnoreDuplicate) != 0) {
        return;
    }
    if ((flags() & table_flag::kReplace) != 0) {
        entries_.insert_or_assign(std::move(key), std::move(*value));
    } else {
        log_warning("{}, line {}: duplicate entry: \"{}\"", name(), number, entry->key);
    }
}

bool TextHashTable::changed() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) != 0 || now.st_nlink == 0 || now.st_size != opened_.st_size ||
           now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
}

// Inside a jail the path is out of reach, but a file that was edited in place can still be read.
bool TextHashTable::refresh() {
    if (!load() && !read_open_file()) {
        return false;
    }
    return !changed();
}

Lookup TextHashTable::find_key(std::string_view key) {
    if (changed()) {
        refresh();
    }
    return MemoryTable::find_key(key);
}

// Where the key at the start of `text` ends: at a blank or '=' that is neither in quotes nor behind
// a backslash, both of which stay.  Nothing where quotes are not closed.
std::optional<std::size_t> key_length(std::string_view text) {
    bool quoted = false;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            quoted = !quoted;
        } else if (!quoted && (text[at] == '=' || is_blank(text[at]))) {
            break;
        }
    }
    return quoted ? std::nullopt : std::optional(std::min(at, text.size()));
}

// As a parameter's, but that the name may be empty, or have quotes.
Result<Assignment> parse_inline(std::string_view item) {
    auto text = trim(item);
    if (text.starts_with('{')) {
        auto inside = strip_braces(text);
        if (!inside) {
            return fail_with(inside);
        }
        text = *inside;
    }
    if (text.empty()) {
        return fail(Errc::kSyntax, "no key found; expected format: key = value");
    }
    const auto length = key_length(text);
    if (!length) {
        return fail(Errc::kSyntax, "unbalanced '\"'");
    }
    const auto rest = trim(text.substr(*length));
    if (!rest.starts_with('=')) {
        return fail(Errc::kSyntax, "missing '=' after attribute name");
    }
    return Assignment{std::string(text.substr(0, *length)), std::string(trim(rest.substr(1)))};
}

// inline:{ name=value, { name = value with blanks } }
class InlineTable : public MemoryTable {
  public:
    explicit InlineTable(const OpenRequest& request)
        : MemoryTable(request.type, request.name, request.flags | table_flag::kFixed) {}

    Result<void> parse();
};

Result<void> InlineTable::parse() {
    bool is_file = (flags() & table_flag::kValueIsFile) != 0;
    auto bad = [this, is_file](std::string_view what) {
        return fail(Errc::kSyntax, format("{}: \"inline:{}\"; need \"inline:{{name={}...}}\"", what,
                                          name(), is_file ? "filename" : "value"));
    };
    if (name().front() != '{') {
        return bad("bad syntax");
    }
    auto body = strip_braces(name());
    if (!body || name().back() != '}' || name() == "{}") {
        return bad("bad syntax");
    }
    auto items = split_list(*body);
    if (items.empty()) {
        return bad("empty table");
    }
    for (const std::string& item : items) {
        auto assignment = parse_inline(item);
        if (!assignment) {
            return bad(assignment.error().message);
        }
        auto value = value_from_source(assignment->value, flags());
        if (!value) {
            return bad(value.error().message);
        }
        entries_.insert_or_assign(folded(assignment->name), std::move(*value));
    }
    return {};
}

// internal: a table of this process only; all that open the same name get their own.
class InternalTable : public MemoryTable {
  public:
    explicit InternalTable(const OpenRequest& request)
        : MemoryTable(request.type, request.name, request.flags | table_flag::kFixed) {}

  protected:
    Result<void> update_key(std::string_view key, std::string_view value) override {
        entries_.insert_or_assign(std::string(key), std::string(value));
        return {};
    }

    Result<bool> erase_key(std::string_view key) override {
        return entries_.erase(std::string(key)) > 0;
    }
};

}  // namespace

OpenedTable open_texthash_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto table = std::make_unique<TextHashTable>(request);
    auto loaded = table->load();
    if (!loaded) {
        return fail_with(loaded);
    }
    return table;
}

OpenedTable open_inline_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto table = std::make_unique<InlineTable>(request);
    auto parsed = table->parse();
    if (!parsed) {
        return fail_with(parsed);
    }
    return table;
}

OpenedTable open_internal_table(const OpenRequest& request) {
    return std::make_unique<InternalTable>(request);
}

}  // namespace relais
