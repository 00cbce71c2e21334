// What the C library and the resolver need to find hosts and accounts (nsswitch.conf(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

// The directories of their files, on all distributions that we know, and where the main ones are
// links to.
[[nodiscard]] std::vector<std::string> name_service_directories();

// Whether accounts are asked for over the network by this process itself (NIS, LDAP), as the text
// of an nsswitch.conf has it.  What has a daemon of its own on this machine (sssd, winbind, nscd)
// is asked over a socket of the file system.
[[nodiscard]] bool asks_network_for_accounts(std::string_view nsswitch);

}  // namespace relais
