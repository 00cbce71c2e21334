// `postfix logrotate`: renames maillog_file, has master open a new one, compresses the old one.
#pragma once

#include "tools/postfix/control.h"

namespace relais::postfix_command {

int rotate_log(Control& control);

}  // namespace relais::postfix_command
