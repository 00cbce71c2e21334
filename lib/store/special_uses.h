// The special uses (RFC 6154) that clients have given to mailboxes, in the file relais.uses of the
// mail root: a line for each mailbox, its name as on disk, a tab, its uses: ".Gesendet" is
// "Gesendet", a tab, "\Sent".
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mailbox_name.h"

namespace relais {

class SpecialUses {
  public:
    static constexpr std::string_view kFileName = "relais.uses";

    // `names` are those of the tree of mailboxes.  Without a file, and for lines that make no
    // sense, there are none.
    [[nodiscard]] static SpecialUses load(const std::string& root, const DiskNames& names);

    // "\Sent", "\Drafts \Sent"; empty for none.
    std::string_view find(std::string_view name) const;

    // Whether some mailbox has this use.
    bool is_given(std::string_view use) const;

    // These return whether anything has changed.
    bool set(std::string_view name, std::string uses);
    bool remove(std::string_view name);
    // With everything below it.
    bool rename(std::string_view from, std::string_view to);

    // The lock (mailbox_lock.h) of the file is held.
    [[nodiscard]] Result<void> save(const std::string& root, unsigned mode) const;

  private:
    DiskNames names_;
    std::map<std::string, std::string, std::less<>> uses_;  // by name
};

}  // namespace relais
