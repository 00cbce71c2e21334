// main.cf as text: "name = value" entries with the line each came from.  The daemons, postconf and
// the fuzzers read through here; what a value means is Config's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct MainCfEntry {
    std::string name;
    std::string value;
    int line = 0;
};

// "name = value" with the blanks around both dropped; the value may hold anything.  `what` in the
// error is Postfix's text: missing '=' after attribute name: "..."
struct NameValue {
    std::string_view name;
    std::string_view value;
};

[[nodiscard]] Result<NameValue> split_name_value(std::string_view text);

// All entries in order, repeated names included.  `path` is for messages; misplaced continuation
// lines are warned about and skipped, as Postfix does; the first malformed line is the error.
[[nodiscard]] Result<std::vector<MainCfEntry>> parse_main_cf(std::string_view text,
                                                             std::string_view path);

}  // namespace relais
