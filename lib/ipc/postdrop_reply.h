// What postdrop(1) says on its standard output: a list that names the queue id, and at the end one
// with the outcome.  sendmail(1) reads it, and a postdrop that has handed its message over.
#pragma once

#include <optional>
#include <string_view>

#include "lib/ipc/attr.h"

namespace relais {

// The list with the outcome (`status`, `reason`); nothing where the reply is cut short.
[[nodiscard]] std::optional<Attributes> postdrop_outcome(std::string_view reply);

}  // namespace relais
