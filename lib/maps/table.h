// A lookup table: "type:name".  Tables in files answer at once (find); tables behind a socket make
// the caller wait (lookup, which takes both kinds).  The base class applies what holds for all
// types: case folding of keys and the UTF-8 checks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/maps/lookup.h"
#include "lib/maps/table_flags.h"

namespace relais {

struct TableEntry {
    std::string key;
    std::string value;
};

class Table {
  public:
    Table(std::string type, std::string name, TableFlags flags);
    virtual ~Table() = default;
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    const std::string& type() const { return type_; }

    const std::string& name() const { return name_; }

    // "type:name".
    std::string reference() const { return type_ + ":" + name_; }

    TableFlags flags() const { return flags_; }

    // Who owns the file that is open; nothing for a table that is no file.
    std::optional<uid_t> owner() const { return owner_; }

    // Exact keys: callers may also try parts of an address or a domain.
    bool is_fixed() const { return (flags_ & table_flag::kFixed) != 0; }

    // True where a lookup waits for another process.
    virtual bool waits() const { return false; }

    // The answer, at once; a table that waits blocks the process (right for commands and for
    // daemons that serve one request at a time).
    Lookup find(std::string_view key);
    // The answer, in a daemon that serves others meanwhile.  The table must outlive the task.
    [[nodiscard]] Task<Lookup> lookup(std::string key);

    // Adds an entry; what happens to one that exists is told by the table's flags.
    [[nodiscard]] Result<void> update(std::string_view key, std::string_view value);
    // The same in a daemon that serves others meanwhile.  The table must outlive the task.
    [[nodiscard]] Task<Result<void>> store(std::string key, std::string value);
    // What is added from now on takes the place of entries that exist.
    void replace_from_now_on();
    // What is added from now on has no final NUL behind key and value.
    void omit_final_nul();
    // True where there was such an entry.
    [[nodiscard]] Result<bool> erase(std::string_view key);

    enum class Step { kFirst, kNext };
    // Walks over all entries in the table's own order; nothing after the last.
    [[nodiscard]] virtual Result<std::optional<TableEntry>> sequence(Step step);

    // Ends a rebuild (OpenMode::kRebuild): from now on readers see the new table.
    [[nodiscard]] virtual Result<void> commit() { return {}; }

    // True when the table on disk is no longer the one that this process opened.
    virtual bool changed() const { return false; }

    // Between the two, lookups may answer from one state of the table, without looking each time if
    // it changed, and writers may have to wait: not to be held while waiting for anything.
    virtual void begin_batch() {}

    virtual void end_batch() {}

    // Opens a changed table anew, which lookups also do by themselves.  False where that is not
    // possible (any more): the old table goes on answering if it still can.
    virtual bool refresh() { return true; }

  protected:
    // The key as it is searched: folded where the flags ask for it.
    virtual Lookup find_key(std::string_view key);
    virtual Task<Lookup> lookup_key(std::string key);
    virtual Result<void> update_key(std::string_view key, std::string_view value);
    virtual Task<Result<void>> store_key(std::string key, std::string value);
    virtual Result<bool> erase_key(std::string_view key);

    void set_flags(TableFlags flags) { flags_ = flags; }

    void set_owner(std::optional<uid_t> owner) { owner_ = owner; }

  private:
    // Nothing for a key that cannot be in the table.
    std::optional<std::string_view> prepare(std::string_view key, std::string& folded) const;
    Lookup checked(std::string_view key, Lookup answer) const;

    std::string type_;
    std::string name_;
    TableFlags flags_;
    std::optional<uid_t> owner_;
};

}  // namespace relais
