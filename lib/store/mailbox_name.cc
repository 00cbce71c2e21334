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

std::optional<std::string> mailbox_from_disk(std::string_view text, const DiskNames& names) {
    const bool as_it_is = names.encoding == NameEncoding::kUtf7 && imap::utf7_to_utf8(text);
    auto name = as_it_is ? std::optional(std::string(text)) : imap::utf8_to_utf7(text);
    if (!name) {
        return std::nullopt;
    }
    std::ranges::replace(*name, names.on_disk, names.separator);
    return canonical_mailbox(*name, names.separator);
}

std::string mailbox_to_disk(std::string_view name, const DiskNames& names) {
    auto decoded = names.encoding == NameEncoding::kUtf8 ? imap::utf7_to_utf8(name) : std::nullopt;
    std::string text = decoded ? std::move(*decoded) : std::string(name);
    std::ranges::replace(text, names.separator, names.on_disk);
    return text;
}

}  // namespace relais
