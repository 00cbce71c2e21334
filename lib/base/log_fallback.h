// Where lines go while nobody reads postlogd's socket: before the mail system runs, and when it
// cannot start.
#pragma once

#include <string>

namespace relais {

// For programs of the instance's owner (the postfix command, postlog, master): lines that postlogd
// does not take are appended to this file, in postlogd's form, which is made with this mode where
// it is missing.  Without it they wait in memory.
void log_fall_back_to(std::string path, unsigned mode);

// False: lines go to that file without asking for postlogd.  Master makes its socket before there
// is anybody behind it.
void log_expect_postlogd(bool expected);

}  // namespace relais
