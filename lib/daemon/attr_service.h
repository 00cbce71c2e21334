// The conversation that most services of the suite hold with the rest of it: a greeting with the
// protocol's name, then requests and replies of one list of attributes each.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"

namespace relais {

// Writes the reply to a request; false where there is none to give: the client is dropped.
using AnswerAttributes = std::function<Task<bool>(const Attributes* request, AttrWriter* reply)>;

// Until the client goes, is idle for ipc_timeout, or sends a list longer than `longest` or
// malformed. `protocol` is a constant.
[[nodiscard]] Task<void> serve_attributes(Connection connection, std::string_view protocol,
                                          std::size_t longest, AnswerAttributes answer);

}  // namespace relais
