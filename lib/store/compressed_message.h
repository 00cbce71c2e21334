// Messages that Dovecot's zlib plugin (2.4: mail_compress) has stored: one of them tells by its
// first bytes, whatever the format of the mailbox.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace relais {

// The message that is stored as `text`: inflated where it was made by gzip, which is the plugin's
// default.  `path` is for the error: kDenied for what was made by other programs, with its name;
// kCorrupt and kTooLarge as of gunzip().
[[nodiscard]] Result<std::string> plain_message(std::string text, const std::string& path);

}  // namespace relais
