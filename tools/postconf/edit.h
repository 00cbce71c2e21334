// The modes of postconf that change a file.  Lines that are not edited stay as they are, byte for
// byte; the file is replaced in one step and keeps its owner and mode.
#pragma once

#include "tools/postconf/options.h"

namespace relais::postconf {

void edit_main(const Options& options);
void edit_master(const Options& options);

}  // namespace relais::postconf
