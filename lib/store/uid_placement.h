// Messages under UIDs that somebody else has chosen: what it takes to make a mailbox the same as
// another one (lib/sync).  Only Maildirs can: others are kDenied.  Other processes may have the
// mailbox open; they see the new list.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/store/mailbox.h"

namespace relais {

struct NumberChange {
    // 0: stays.  Another one: messages that are not moved get new UIDs, behind all others.
    std::uint32_t uid_validity = 0;
    std::uint32_t next_uid = 0;                                    // at least that
    std::string guid;                                              // of the mailbox; empty: stays
    std::vector<std::pair<std::uint32_t, std::uint32_t>> moved{};  // UIDs: from, to

    bool empty() const {
        return uid_validity == 0 && next_uid == 0 && guid.empty() && moved.empty();
    }
};

// Writes the list of UIDs anew, in one step.  The messages stay.  kDenied where the list could not
// hold the numbers (kLastUid), or a UID would be given out twice.
[[nodiscard]] Task<Result<void>> change_numbers(MailboxPlace place, NumberChange change);

// A file in tmp/ that is to be the message with this UID.  Keywords are not looked at.
struct PlacedMessage {
    std::uint32_t uid = 0;
    NewMessage message;
};

// Puts them into cur/, UIDs ascending.  The list of UIDs is on disk before the first file is in its
// place: whoever dies in between leaves lines without files, which harm nobody, and no file that
// would get another UID.  kDenied where a UID is that of a message that is there.  True: some of
// the UIDs had been given out before, so that what is known about them no longer holds.
[[nodiscard]] Task<Result<bool>> place_messages(MailboxPlace place,
                                                std::vector<PlacedMessage> messages);

}  // namespace relais
