// Values that name files (postmap -F, tls_server_sni_maps): the table holds the content of the
// files, joined with newlines, as base64.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/maps/table_flags.h"

namespace relais {

[[nodiscard]] Result<std::string> encode_files(std::string_view names);

// A value from a table's source as it is, or, where the flags ask for it (kValueIsFile), what the
// files hold that it names.
[[nodiscard]] Result<std::string> value_from_source(std::string_view value, TableFlags flags);

}  // namespace relais
