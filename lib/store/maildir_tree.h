// Mailboxes in Maildir++: INBOX is the root itself, the others are directories in it named ".A.B".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/mail_tree.h"

namespace relais {

class MaildirTree : public MailTree {
  public:
    MaildirTree(MailLocation location, char separator, std::string host)
        : MailTree(std::move(location), separator, std::move(host)) {}

    // All of it in one directory.
    MaildirTree(std::string root, char separator, std::string host)
        : MaildirTree(MailLocation::maildir(std::move(root)), separator, std::move(host)) {}

    bool may_be_mailbox(std::string_view entry, bool directory) const override;
    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const override;
    [[nodiscard]] Result<std::vector<std::string>> list() const override;
    std::string invalid_because(std::string_view name) const override;
    bool exists(std::string_view name) const override;
    bool has_inbox() const override;
    bool ready(std::string_view name) const override;
    MailboxPlace place_of(std::string_view name) const override;
    std::unique_ptr<Mailbox> open(std::string_view name) const override;
    [[nodiscard]] Result<void> create(std::string_view name) override;
    [[nodiscard]] Result<void> remove(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;

  private:
    std::string directory_of(std::string_view name) const;
    std::string beside(const std::string& where, const std::string& directory) const;
    std::optional<std::string> name_of(std::string_view entry) const;
    std::string unusable_because(std::string_view name) const;
    [[nodiscard]] Result<void> make_maildir(const std::string& directory) const;
};

}  // namespace relais
