// The URLs of CATENATE: relative ones that name a message of the same server, or a part of it
// (RFC 5092 as far as RFC 4469 uses it).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/imap/fetch_items.h"

namespace relais::imap {

struct ImapUrl {
    std::string mailbox;  // UTF-8, percent signs decoded; empty: the selected one
    std::optional<std::uint32_t> uid_validity;
    std::uint32_t uid = 0;
    Section section;
    std::optional<FetchItem::Partial> partial;
};

// "/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2/;PARTIAL=0.1024"; the error says what is
// wrong.
[[nodiscard]] Result<ImapUrl> parse_imap_url(std::string_view url);

}  // namespace relais::imap
