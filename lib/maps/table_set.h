// Several tables under one parameter ("hash:/etc/a, proxy:mysql:/etc/b"), tried in order.  The
// first that finds the key answers; the first that cannot answer ends the search with its failure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"
#include "lib/maps/lookup.h"
#include "lib/maps/table.h"

namespace relais {

// Partial keys (a domain, a user without the domain) are not shown to pattern tables.
enum class KeyKind { kWhole, kPartial };

class TableSet {
  public:
    // Empty: finds nothing.
    TableSet() = default;
    // `title` is the parameter's name.  Opens the tables.
    TableSet(std::string title, std::string_view list, TableFlags flags = table_flag::kMail);

    bool empty() const { return tables_.empty(); }

    const std::string& title() const { return title_; }

    // True where a lookup may wait for another process.  find() then blocks this one while it
    // waits: right for commands and for daemons that serve one request at a time.
    bool waits() const { return waits_; }

    Lookup find(std::string_view key, KeyKind kind = KeyKind::kWhole) const;
    // For daemons that serve many.  The set must outlive the task.
    [[nodiscard]] Task<Lookup> lookup(std::string key, KeyKind kind = KeyKind::kWhole) const;

    // The tables, for callers with search rules of their own.
    const std::vector<std::shared_ptr<Table>>& tables() const { return tables_; }

  private:
    // True when the search ends with this answer.  An empty value is made an error.
    bool is_last_word(const Table& table, std::string_view key, Lookup& answer) const;
    static bool is_asked(const Table& table, KeyKind kind);

    std::string title_;
    std::vector<std::shared_ptr<Table>> tables_;
    bool waits_ = false;
};

}  // namespace relais
