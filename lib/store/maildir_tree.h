// What the layouts of Maildir have in common: a mailbox is a directory with cur/, new/ and tmp/,
// and INBOX is the root itself unless it is elsewhere.  Lists and indexes may be in directories of
// the same names below other roots (CONTROL=, INDEX=), where INBOX has one, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/store/mail_tree.h"

namespace relais {

class MaildirTree : public MailTree {
  public:
    // How directories begin that are no mailboxes, and go when they are a day old.
    static constexpr std::string_view kTrash = "..DOVECOT-TRASHED";

    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const override;
    bool has_inbox() const override;
    bool ready(std::string_view name) const override;
    MailboxPlace place_of(std::string_view name) const override;
    std::unique_ptr<Mailbox> open(std::string_view name) const override;
    [[nodiscard]] Result<void> create(std::string_view name) override;

  protected:
    // What is removed goes out of sight first, under a name that no mailbox has: Dovecot's, or one
    // that begins so.
    static bool is_trash(std::string_view entry) { return entry.starts_with(kTrash); }

    using MailTree::MailTree;

    // The mailbox's directory.
    virtual std::string directory_of(std::string_view name) const = 0;
    // Its path below a root of lists or of indexes, for directories made anew.
    virtual std::string path_of(std::string_view name) const = 0;

    const std::string& inbox_directory() const {
        return location_.inbox.empty() ? root() : location_.inbox;
    }

    // Where what goes is moved to: a place of this removal's alone, for others may remove mailboxes
    // meanwhile.  What an earlier removal has left there long ago goes.
    std::string new_trash() const;
    // Takes what is there out of maildirsize, and removes it.
    [[nodiscard]] Result<void> empty_trash(const std::string& trash, std::string_view name) const;

    // The lists and indexes of a mailbox that is gone, or has another name: below roots of their
    // own only.
    void remove_lists(std::string_view name) const;
    // Around the rename of the directory itself, which may be the last thing that the process does.
    void prepare_renaming_lists(std::string_view from, std::string_view to) const;
    void rename_lists(std::string_view from, std::string_view to) const;

  private:
    void remove_old_trash() const;
    std::string below(const std::string& where, std::string_view name) const;
    std::vector<std::string> other_roots() const;
    std::size_t list_levels() const;
    [[nodiscard]] Result<void> make_maildir(const std::string& directory) const;
};

}  // namespace relais
