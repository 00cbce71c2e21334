// What fuzz targets of whole sessions share: a directory, a configuration without a log, and the
// client that says what libFuzzer has made up.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/task.h"

namespace relais::fuzz {

// A directory in memory that goes when the process ends.
[[nodiscard]] const std::string& scratch();

// Writes a file into it; its path.
std::string put(std::string_view name, std::string_view text);

// main.cf for this process, and a log that nobody hears; once.  The working directory becomes
// scratch(), where services are looked for.
void configure(std::string_view main_cf);

// What a peer does who sends `input` in pieces, whose size depends on how much it is, takes what it
// is answered, and hangs up: until the other side has done so, too.  `input` outlives the task.
[[nodiscard]] Task<void> talk(UniqueFd fd, std::string_view input);

// A session with such a client.  `serve` gets the server's end; what it waits for besides must come
// by itself.
void converse(std::string_view input, const std::function<Task<void>(UniqueFd)>& serve);

}  // namespace relais::fuzz
