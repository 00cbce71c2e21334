// How a program gets its configuration at its start; each ends the process, with the reason, where
// it can't be had.
#pragma once

#include <string_view>

#include "lib/config/config.h"

namespace relais {

// Reads main.cf and makes it conf().  A value that is none is an error where it is used.
void load_conf(const ConfigOptions& options);

// The same for what changes its identity: the accounts that main.cf names must be fit for that.
void load_conf_with_accounts(const ConfigOptions& options);

// As Postfix's programs do at their start: every value must make sense that this one reads, or that
// all read.  A daemon would else end in the midst of its sessions.
void load_usable_conf(const ConfigOptions& options);
// The second half of that, for a conf() that is loaded.
void require_usable_conf(std::string_view program);
void load_usable_conf_with_accounts(const ConfigOptions& options);

}  // namespace relais
