// What -D and MAIL_DEBUG ask for: debugger_command beside a process of the mail system.
#pragma once

#include <string_view>

namespace relais {

// True where `postfix -D` has started the mail system.
[[nodiscard]] bool debugging_wanted();

// Starts debugger_command, with the process's name and pid in its environment, and gives it five
// seconds to attach.  Nothing where the parameter is empty.
void run_debugger(std::string_view process_name);

}  // namespace relais
