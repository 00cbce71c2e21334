// A message in a file of Dovecot's sdbox (u.UID) or mdbox (m.NUMBER):
//
//     2 M1e C<created, hex>\n                the file's header: M is the size of a message's
//     \001\002N <blanks> <size, 16 hex>\n    a message's header
//     the message
//     \n\001\003\n                           its metadata: lines of a key and a value, an empty one
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"

namespace relais {

struct DboxMessage {
    std::string text;
    std::int64_t received = 0;  // R
    std::int64_t saved = 0;     // of the file, where the index does not say
    std::string guid;           // G
    std::string pop3_uidl;      // P
    std::string pop3_order;     // O
};

enum class DboxText { kRead, kSkip };

// The message at this offset of an mdbox file; offset 0 is the first one of any file.  kNotFound:
// there is no file; kCorrupt: no message there; else as of plain_message() (compressed_message.h).
[[nodiscard]] Result<DboxMessage> read_dbox_message(const std::string& path, std::uint64_t offset,
                                                    DboxText text);

}  // namespace relais
