// Mailboxes in mbox files: "A/B" is the file B in the directory A, and INBOX a file anywhere.  What
// we know of a file lies beside it, in .imap/NAME, where Dovecot has its indexes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/store/mail_tree.h"

namespace relais {

class MboxTree : public MailTree {
  public:
    MboxTree(MailLocation location, char separator, std::string host)
        : MailTree(std::move(location), separator, std::move(host)) {}

    std::string files_root() const override;
    bool may_be_mailbox(std::string_view entry, bool directory) const override;
    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const override;
    std::vector<std::string> name_directories() const override;
    std::string invalid_because(std::string_view name) const override;
    bool exists(std::string_view name) const override;

    // A file has no files in it; that of INBOX is elsewhere.
    bool takes_children(std::string_view name) const override {
        return name == "INBOX" || !exists(name);
    }

    bool has_inbox() const override { return exists("INBOX"); }

    bool ready(std::string_view name) const override;
    MailboxPlace place_of(std::string_view name) const override;
    std::unique_ptr<Mailbox> open(std::string_view name) const override;
    [[nodiscard]] Result<void> create(std::string_view name) override;
    [[nodiscard]] Result<void> remove(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;

  private:
    [[nodiscard]] Result<Listed> look_around() const override;
    std::string relative(std::string_view name) const;
    std::string file_of(std::string_view name) const;
    std::string index_of(std::string_view name) const;
    std::string unusable_because(std::string_view name) const;
};

}  // namespace relais
