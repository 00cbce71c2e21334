// One direction of a connection that is handed through.
#pragma once

#include "lib/event/stream.h"
#include "lib/event/task.h"

namespace relais {

// Copies what `from` has buffered and all that comes, until its end or until either side fails.
// Another task may copy the other way at the same time.
[[nodiscard]] Task<void> copy_to_end(Stream* from, Stream* to);

// The same, and then closes the sending side of `to`.
[[nodiscard]] Task<void> pump(Stream* from, Stream* to);

}  // namespace relais
