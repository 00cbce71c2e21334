// ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 7.4.2).
#pragma once

#include <string>
#include <string_view>

#include "lib/imap/mime_tree.h"

namespace relais::imap {

// The parenthesised list for a message's header.
void append_envelope(std::string& out, std::string_view header);

enum class BodyForm { kBody, kBodyStructure };

// The parenthesised list for a part of `message`, which `part` was parsed from.
void append_body(std::string& out, std::string_view message, const MimePart& part, BodyForm form);

}  // namespace relais::imap
