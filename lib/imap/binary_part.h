// Parts of messages without their transfer encoding (RFC 3516).
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

enum class PartHeader { kLeaveOut, kWrite };

struct DecodedPart {
    std::string bytes;     // with CRLF line ends where it is text as it stands
    bool decoded = false;  // some of it was encoded
};

// A part as BINARY shows it: what it is encoded in is decoded, in the parts inside of it too, whose
// headers then say "binary".  Errc::kSyntax where an encoding is not known (UNKNOWN-CTE).
[[nodiscard]] Result<DecodedPart> decode_part(std::string_view message, const MimePart& part,
                                              PartHeader header);

// A message that came as binary, with its binary parts in base64, so that it can be stored and sent
// as lines of text.
[[nodiscard]] std::string encode_binary_parts(std::string_view message);

}  // namespace relais::imap
