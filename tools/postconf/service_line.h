// The text of a master.cf service: in columns, on one line or folded.
#pragma once

#include <string>
#include <string_view>

#include "lib/config/master_cf.h"

#include "tools/postconf/model.h"
#include "tools/postconf/options.h"

namespace relais::postconf {

// `model` expands the settings where the options say so (-x); else it may be null.
[[nodiscard]] std::string service_text(const Service& service, const Options& options,
                                       const Model* model);
// The command field with the arguments.
[[nodiscard]] std::string command_text(const Service& service, const Options& options,
                                       const Model* model);
// "service/type/field = value"; a folded command goes on as it is.
[[nodiscard]] std::string format_field(std::string_view name, std::string_view value,
                                       const Options& options);

}  // namespace relais::postconf
