// A table held in memory: the base of texthash, inline and internal.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/maps/table.h"

namespace relais {

class MemoryTable : public Table {
  public:
    using Table::Table;

    Result<std::optional<TableEntry>> sequence(Step step) override;

  protected:
    using Entries = std::unordered_map<std::string, std::string, StringHash, std::equal_to<>>;

    Lookup find_key(std::string_view key) override;

    // False where the key is there already.
    bool insert(std::string_view key, std::string_view value);

    // The key as find() would fold it.
    std::string folded(std::string_view key) const;

    Entries entries_;

  private:
    Entries::const_iterator walk_;
};

}  // namespace relais
