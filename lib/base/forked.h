// What a process does first that was forked to work for its parent, and runs no other program.
#pragma once

namespace relais {

// Closes all but standard input, output and error, `fd` and `other` (negative: none).  The parent's
// sessions, listeners and its ties to master are none of the child's business: held open there,
// none of them would ever be seen to end.
void close_all_but(int fd, int other);

// Signals as a new program finds them.
void default_signals();

}  // namespace relais
