// Which bytes of a log line are shown as they are.
#pragma once

#include "lib/base/strings.h"

namespace relais {

// From now on; a byte that is not printable becomes "?".  UTF-8 is kept until this says otherwise.
void log_show_utf8(Utf8 shown);

}  // namespace relais
