// Writes down what goes over a stream (doveadm sync -r): before each piece a line says which way it
// went and how long it is, "I 123" or "O 123".
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/event/transport.h"

namespace relais::doveadm {

// `path` is made anew.
[[nodiscard]] Result<std::unique_ptr<Transport>> with_raw_log(std::unique_ptr<Transport> transport,
                                                              const std::string& path);

}  // namespace relais::doveadm
