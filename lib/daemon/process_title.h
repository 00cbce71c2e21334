// What ps(1) shows of this process: its name, and what it is at.  The text is written over the
// command line and the environment as the process has found them, which costs no system call.
#pragma once

#include <string_view>

namespace relais {

// Takes over that memory; the environment is kept elsewhere from then on.  Once, at the start of a
// process, before anybody else looks into either.
void prepare_process_title(char** argv);

// "imap [bob 192.0.2.1 FETCH]".  Cut where there is no more room; without prepare_process_title()
// nothing happens.
void show_process_title(std::string_view title);

}  // namespace relais
