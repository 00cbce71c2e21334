// Which flags of messages somebody may change in a mailbox (RFC 4314 4: the rights s, t and w).
#pragma once

#include <cstdint>

#include "lib/store/acl.h"
#include "lib/store/maildir_name.h"

namespace relais {

struct FlagLimits {
    static constexpr std::uint8_t kAllFlags = MessageFlags::kAnswered | MessageFlags::kDeleted |
                                              MessageFlags::kDraft | MessageFlags::kFlagged |
                                              MessageFlags::kSeen;

    std::uint8_t system = kAllFlags;
    bool keywords = true;

    constexpr FlagLimits() = default;

    static constexpr FlagLimits of(AclRights rights) {
        FlagLimits limits;
        limits.keywords = rights.has(AclRights::of("w"));
        constexpr std::uint8_t kOwn = MessageFlags::kSeen | MessageFlags::kDeleted;
        limits.system = limits.keywords ? kAllFlags & ~kOwn : 0;
        limits.system |= rights.has(AclRights::of("s")) ? MessageFlags::kSeen : 0;
        limits.system |= rights.has(AclRights::of("t")) ? MessageFlags::kDeleted : 0;
        return limits;
    }

    bool unlimited() const { return keywords && system == kAllFlags; }

    bool nothing() const { return !keywords && system == 0; }
};

}  // namespace relais
