// How a program gets its configuration at its start; each ends the process, with the reason, where
// it can't be had.
#pragma once

#include "lib/config/config.h"

namespace relais {

// Reads main.cf and makes it conf().
void load_conf(const ConfigOptions& options);

// The same for what changes its identity: the accounts that main.cf names must be fit for that.
void load_conf_with_accounts(const ConfigOptions& options);

}  // namespace relais
