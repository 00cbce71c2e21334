// The base subject of RFC 5256 2.1: a Subject without "Re:", "[list]", "(fwd)" and the like.
#pragma once

#include <string>
#include <string_view>

namespace relais::imap {

struct BaseSubject {
    std::string text;       // in UTF-8, as written
    bool is_reply = false;  // something was there that marks replies and forwarded messages
};

// Of the raw value of a Subject field; looks at its first few thousand characters.
[[nodiscard]] BaseSubject base_subject(std::string_view raw);

}  // namespace relais::imap
