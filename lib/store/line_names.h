// Names of mailboxes also stand in files of lines: subscriptions, special uses.
#pragma once

#include <algorithm>
#include <string_view>

#include "lib/store/mailbox_name.h"

namespace relais {

// A name on disk that is in UTF-8 and has control characters, such as the end of a line: no mailbox
// has it.  Modified UTF-7 has none.
[[nodiscard]] inline bool breaks_lines(std::string_view on_disk, const DiskNames& names) {
    return names.encoding == NameEncoding::kUtf8 && std::ranges::any_of(on_disk, [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte < 0x20 || byte == 0x7f;
           });
}

}  // namespace relais
