// A compressed stream over another transport: raw DEFLATE (RFC 1951) both ways, as COMPRESS of IMAP
// has it (RFC 4978).
#pragma once

#include <memory>

#include "lib/event/transport.h"

namespace relais {

// Everything that is written can be read by the peer at once.  However much a few bytes expand to,
// no more is expanded than is read.
[[nodiscard]] std::unique_ptr<Transport> deflate_transport(std::unique_ptr<Transport> under);

}  // namespace relais
