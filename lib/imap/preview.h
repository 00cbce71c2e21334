// The first words of a message, for lists (RFC 8970).
#pragma once

#include <string>
#include <string_view>

#include "lib/imap/mime_tree.h"

namespace relais::imap {

// At most 200 characters of UTF-8 on one line: of the first text, without what is quoted in it and
// without markup.  Empty where there is none.
[[nodiscard]] std::string make_preview(std::string_view message, const MimePart& root);

}  // namespace relais::imap
