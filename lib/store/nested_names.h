// Mailboxes whose directories lie within each other ("A/B"): the names that there can be, and what
// is there.  mbox, dbox and Maildir with LAYOUT=fs have it in common.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mailbox_name.h"

namespace relais {

// More no name has.
inline constexpr std::size_t kMostLevels = 50;

// Levels that are no mailbox's: files and directories of the format itself.
using ReservedLevel = bool (*)(std::string_view level);

// Why nothing can have that name on disk; empty when it can.  A new name has to meet more.
[[nodiscard]] std::string nested_name_trouble(std::string_view name, const DiskNames& names,
                                              ReservedLevel is_reserved);

struct NestedEntry {
    std::string path;
    std::string name;        // as clients have it
    std::string_view level;  // the last of it, on disk
    std::size_t depth = 0;   // 1: in the root
};

enum class Descend { kNo, kYes };

using NestedVisit = std::function<Result<Descend>(const NestedEntry&)>;

struct NestedOutcome {
    Result<void> root;
    Result<void> below;  // why something there may not have been shown: the first error
};

// Shows all entries that can be a part of a name, and what is in those that are to be descended
// into, but for what is gone meanwhile.  Bounded in depth and number, whatever links there are.
[[nodiscard]] NestedOutcome visit_nested(const std::string& root, const DiskNames& names,
                                         const NestedVisit& visit);

// For visit_nested(): descends into the directories that may be folders by their names, and adds
// those to `found` in which there is a directory `part`: the mailboxes.  `found` outlives it.
[[nodiscard]] NestedVisit directories_with(std::string part,
                                           std::function<bool(const NestedEntry&)> may_be_folder,
                                           std::vector<std::string>* found);

// `root`, and the directories below it that may be folders by their names: what has names in it.
[[nodiscard]] std::vector<std::string> nested_directories(
    const std::string& root, const DiskNames& names,
    const std::function<bool(const NestedEntry&)>& may_be_folder);

// Removes the empty directories from `directory` up to `root`, which stays.
void remove_empty_directories(std::string directory, const std::string& root);

}  // namespace relais
