// Tables made of tables: pipemap (the answer of each is the key of the next), unionmap (the answers
// of all, joined with commas), and debug (one table, and a line in the log for each use); and
// randmap, one of several values by chance.
#include <algorithm>
#include <random>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"
#include "lib/maps/file_value.h"
#include "lib/maps/inline_task.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kFolding = table_flag::kFoldFixed | table_flag::kFoldPattern;

// `form` is what belongs between the braces.
std::unexpected<Error> bad_syntax(const OpenRequest& request, std::string_view form) {
    return fail(Errc::kSyntax, format("bad syntax: \"{0}:{1}\"; need \"{0}:{{{2}...}}\"",
                                      request.type, request.name, form));
}

// The items of "{a, b, ...}", of which there must be one at least.
Result<std::vector<std::string>> split_items(const OpenRequest& request, std::string_view form) {
    std::vector<std::string> items;
    std::string_view name = request.name;
    if (name.size() > 2 && name.starts_with('{') && group_length(name) == name.size()) {
        items = split_list(name.substr(1, name.size() - 2));
    }
    if (items.empty()) {
        return bad_syntax(request, form);
    }
    return items;
}

using Members = std::vector<std::unique_ptr<Table>>;

// The first member tells whether partial keys make sense, and so how a key is folded; and as in
// Postfix, that is done here only where keys are checked to be UTF-8.  Each member folds by itself.
TableFlags flags_of(const OpenRequest& request, const Members& members) {
    TableFlags dropped = table_flag::kImplementation;
    if ((request.flags & table_flag::kUtf8Active) == 0) {
        dropped |= kFolding;
    }
    return (request.flags & ~dropped) |
           (members.front()->is_fixed() ? table_flag::kFixed : table_flag::kPattern);
}

// The base of pipemap and unionmap.
class CompoundTable : public Table {
  public:
    CompoundTable(const OpenRequest& request, Members members)
        : Table(request.type, request.name, flags_of(request, members)),
          members_(std::move(members)) {
        for (const auto& member : members_) {
            waits_ = waits_ || member->waits();
        }
    }

    bool waits() const override { return waits_; }

    bool changed() const override {
        return std::ranges::any_of(members_, [](const auto& member) { return member->changed(); });
    }

    bool refresh() override {
        bool all = true;
        for (const auto& member : members_) {
            all = (!member->changed() || member->refresh()) && all;
        }
        return all;
    }

  protected:
    Lookup find_key(std::string_view key) override {
        return run_inline(combine(std::string(key), Waiting::kBlock));
    }

    Task<Lookup> lookup_key(std::string key) override {
        return combine(std::move(key), Waiting::kSuspend);
    }

    [[nodiscard]] virtual Task<Lookup> combine(std::string key, Waiting waiting) = 0;

    static Task<Lookup> ask(Table* member, std::string key, Waiting waiting) {
        if (waiting == Waiting::kBlock) {
            co_return member->find(key);
        }
        co_return co_await member->lookup(std::move(key));
    }

    Members members_;

  private:
    bool waits_ = false;
};

class PipeTable : public CompoundTable {
  public:
    using CompoundTable::CompoundTable;

  protected:
    Task<Lookup> combine(std::string key, Waiting waiting) override {
        for (const auto& member : members_) {
            Lookup answer = co_await ask(member.get(), key, waiting);
            if (!answer.is_found()) {
                co_return answer;
            }
            key = std::move(answer).value();
        }
        co_return Lookup::found(std::move(key));
    }
};

class UnionTable : public CompoundTable {
  public:
    using CompoundTable::CompoundTable;

  protected:
    Task<Lookup> combine(std::string key, Waiting waiting) override {
        std::vector<std::string> values;
        for (const auto& member : members_) {
            Lookup answer = co_await ask(member.get(), key, waiting);
            if (answer.is_error()) {
                co_return answer;
            }
            if (answer.is_found()) {
                values.push_back(std::move(answer).value());
            }
        }
        co_return values.empty() ? Lookup::not_found() : Lookup::found(join(values, ","));
    }
};

template <class Compound>
OpenedTable open_compound(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto items = split_items(request, "type:name");
    if (!items) {
        return fail_with(items);
    }
    Members members;
    for (const std::string& item : *items) {
        if (!item.contains(':')) {
            return bad_syntax(request, "type:name");
        }
        auto member = open_table(item, request.mode, request.flags);
        if (!member) {
            return fail_with(member);
        }
        members.push_back(std::move(*member));
    }
    return std::make_unique<Compound>(request, std::move(members));
}

// randmap:{value, ...}
class RandomTable : public Table {
  public:
    RandomTable(const OpenRequest& request, std::vector<std::string> values)
        : Table(request.type, request.name, request.flags | table_flag::kPattern),
          values_(std::move(values)),
          chance_(std::random_device()()) {}

  protected:
    Lookup find_key(std::string_view /*key*/) override {
        std::uniform_int_distribution<std::size_t> index(0, values_.size() - 1);
        return Lookup::found(values_[index(chance_)]);
    }

  private:
    std::vector<std::string> values_;
    std::minstd_rand chance_;
};

// debug:type:name
class DebugTable : public Table {
  public:
    DebugTable(const OpenRequest& request, std::unique_ptr<Table> table)
        : Table(request.type, request.name, table->flags() & ~(kFolding | table_flag::kUtf8Active)),
          table_(std::move(table)) {}

    bool waits() const override { return table_->waits(); }

    bool changed() const override { return table_->changed(); }

    bool refresh() override { return table_->refresh(); }

    Result<std::optional<TableEntry>> sequence(Step step) override {
        auto entry = table_->sequence(step);
        if (entry && *entry) {
            log_info("{} sequence: \"{}\" = \"{}\"", table_->reference(), (*entry)->key,
                     (*entry)->value);
        } else {
            log_info("{} sequence: found EOF", table_->reference());
        }
        return entry;
    }

  protected:
    Lookup find_key(std::string_view key) override { return log(key, table_->find(key)); }

    Task<Lookup> lookup_key(std::string key) override {
        Lookup answer = co_await table_->lookup(key);
        co_return log(key, std::move(answer));
    }

    Result<void> update_key(std::string_view key, std::string_view value) override {
        auto done = table_->update(key, value);
        log_info("{} update: \"{}\" = \"{}\": {}", table_->reference(), key, value,
                 done ? "success" : "failed");
        return done;
    }

    Result<bool> erase_key(std::string_view key) override {
        auto done = table_->erase(key);
        log_info("{} delete: \"{}\": {}", table_->reference(), key,
                 !done   ? "error"
                 : *done ? "success"
                         : "failed");
        return done;
    }

  private:
    Lookup log(std::string_view key, Lookup answer) const {
        std::string_view value = answer.is_error()     ? "error"
                                 : answer.is_missing() ? "not_found"
                                                       : std::string_view(answer.value());
        log_info("{} lookup: \"{}\" = \"{}\"", table_->reference(), key, value);
        return answer;
    }

    std::unique_ptr<Table> table_;
};

}  // namespace

OpenedTable open_pipemap_table(const OpenRequest& request) {
    return open_compound<PipeTable>(request);
}

OpenedTable open_unionmap_table(const OpenRequest& request) {
    return open_compound<UnionTable>(request);
}

OpenedTable open_randmap_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto values = split_items(request, "value");
    if (!values) {
        return fail_with(values);
    }
    for (std::string& value : *values) {
        auto stored = value_from_source(value, request.flags);
        if (!stored) {
            return fail_with(stored);
        }
        value = std::move(*stored);
    }
    return std::make_unique<RandomTable>(request, std::move(*values));
}

OpenedTable open_debug_table(const OpenRequest& request) {
    auto table = open_table(request.name, request.mode, request.flags);
    if (!table) {
        return fail_with(table);
    }
    return std::make_unique<DebugTable>(request, std::move(*table));
}

}  // namespace relais
