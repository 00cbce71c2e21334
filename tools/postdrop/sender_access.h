// local_login_sender_maps: which envelope senders a user of this machine may give.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace relais {

// One of the patterns that a table has for a login: "*", "<>" (or what stands for the null sender),
// "@domain", or an address.  Extensions do not matter, nor does case.
[[nodiscard]] bool sender_matches(std::string_view pattern, std::string_view sender);

struct SenderVerdict {
    unsigned status = 0;  // CleanupStatus bits
    std::string reason;
};

// What a user may do, looked up before anything is heard of his message.
class SenderAccess {
  public:
    SenderAccess() = default;  // nobody's: every sender is refused
    [[nodiscard]] static SenderAccess of_user(uid_t uid);

    // "" is the null sender.
    [[nodiscard]] SenderVerdict check(std::string_view sender) const;

  private:
    std::string patterns_;
    SenderVerdict trouble_;  // of the lookup
};

}  // namespace relais
