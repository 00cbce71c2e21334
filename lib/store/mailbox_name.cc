#include "lib/store/mailbox_name.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/imap/utf7.h"

namespace relais {

std::string canonical_mailbox(std::string_view name, char separator) {
    constexpr std::string_view kInbox = "INBOX";
    bool inbox = istarts_with(name, kInbox) &&
                 (name.size() == kInbox.size() || name[kInbox.size()] == separator);
    return inbox ? std::string(kInbox) + std::string(name.substr(kInbox.size()))
                 : std::string(name);
}

std::optional<std::string> mailbox_from_disk(std::string_view text, char separator) {
    auto name =
        imap::utf7_to_utf8(text) ? std::optional(std::string(text)) : imap::utf8_to_utf7(text);
    if (!name) {
        return std::nullopt;
    }
    std::ranges::replace(*name, '.', separator);
    return canonical_mailbox(*name, separator);
}

std::string mailbox_to_disk(std::string_view name, char separator) {
    std::string text(name);
    std::ranges::replace(text, separator, '.');
    return text;
}

}  // namespace relais
