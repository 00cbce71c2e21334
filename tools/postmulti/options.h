// The command line of postmulti.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace relais::postmulti {

enum class Mode { kList, kPostfix, kExecute, kEdit };
enum class Action { kCreate, kImport, kInit, kDestroy, kDeport, kEnable, kDisable, kAssign };

struct Options {
    Mode mode = Mode::kList;
    Action action = Action::kInit;
    bool all = true;                   // neither -g nor -i
    std::optional<std::string> group;  // -g
    std::optional<std::string> name;   // -i
    std::optional<std::string> new_name;
    std::optional<std::string> new_group;
    bool reverse = false;
    bool json = false;  // -j
    int verbose = 0;
    std::vector<std::string> words;  // the command, or "parameter=value"
};

// Ends the program where the words make no sense.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace relais::postmulti
