// Dovecot's counter for UIDVALIDITY in the mail root: an empty file dovecot-uidvalidity.XXXXXXXX
// whose suffix is the last value given out; renaming it to the next value takes that value.  The
// file dovecot-uidvalidity repeats the value, so that the directory need not be read.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"

namespace relais {

// A value that no mailbox below `root` has had.
[[nodiscard]] Result<std::uint32_t> next_uid_validity(const std::string& root, unsigned mode,
                                                      std::uint32_t above = 0);

}  // namespace relais
