// relais sessions: who is logged in, and what each session is about.
#pragma once

#include <string>

namespace relais {

// Of that user, or (empty) of all.  The exit status.
int print_session_page(const std::string& user);

}  // namespace relais
