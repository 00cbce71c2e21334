// The mailboxes of a user in Maildir++: INBOX is the root itself, the others are directories in it
// named ".A.B".  Names here are those of IMAP: modified UTF-7, with the hierarchy separator.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mailbox.h"
#include "lib/store/shared_lock.h"

namespace relais {

class MailTree {
  public:
    MailTree(std::string root, char separator, std::string host);

    const std::string& root() const { return root_; }

    char separator() const { return separator_; }

    unsigned file_mode() const { return file_mode_; }

    // Which mailboxes count in maildirsize; without it, all of them do.
    void set_storage(Storage storage) { storage_ = storage; }

    void set_counted(std::function<bool(std::string_view name)> counted) {
        counted_ = std::move(counted);
    }

    // Makes the directories of a mailbox where they are missing.
    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const;

    // All mailboxes, INBOX first, the others sorted.
    [[nodiscard]] Result<std::vector<std::string>> list() const;

    // INBOX in any case is INBOX, and so is the first level of "inbox/Sub".
    std::string canonical(std::string_view name) const;

    // Why no mailbox of that name can be made; empty when it can.
    std::string invalid_because(std::string_view name) const;

    bool exists(std::string_view name) const;

    // The same before a mailbox is used: what somebody else has removed and every mailbox has
    // (new/, tmp/, all of INBOX) is made again.
    bool ready(std::string_view name) const;
    // A mailbox below it exists.
    bool has_children(std::string_view name) const;

    MailboxPlace place_of(std::string_view name) const;

    // kDenied with sys_errno EEXIST or ENOENT where the name is taken or there is nothing.
    [[nodiscard]] Result<void> create(std::string_view name);
    [[nodiscard]] Result<void> remove(std::string_view name);
    // With all mailboxes below it; each needs a free place.  INBOX cannot be renamed this way.
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to);

  private:
    std::string directory_of(std::string_view name) const;
    std::optional<std::string> name_of(std::string_view entry) const;
    std::string unusable_because(std::string_view name) const;
    [[nodiscard]] Result<void> make_maildir(const std::string& directory) const;

    std::string root_;
    char separator_;
    std::string host_;
    unsigned directory_mode_ = 0700;
    unsigned file_mode_ = 0600;
    std::function<bool(std::string_view)> counted_;
    Storage storage_ = Storage::kOwn;
};

}  // namespace relais
