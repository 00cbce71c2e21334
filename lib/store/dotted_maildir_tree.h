// Mailboxes in Maildir++: INBOX is the root itself, the others are directories in it named ".A.B".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/maildir_tree.h"

namespace relais {

class DottedMaildirTree : public MaildirTree {
  public:
    DottedMaildirTree(MailLocation location, char separator, std::string host)
        : MaildirTree(std::move(location), separator, std::move(host)) {}

    // All of it in one directory.
    DottedMaildirTree(std::string root, char separator, std::string host)
        : DottedMaildirTree(MailLocation::maildir(std::move(root)), separator, std::move(host)) {}

    bool may_be_mailbox(std::string_view entry, bool directory) const override;
    std::string invalid_because(std::string_view name) const override;
    bool exists(std::string_view name) const override;
    [[nodiscard]] Result<void> create(std::string_view name) override;
    [[nodiscard]] Result<void> remove(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;

  private:
    [[nodiscard]] Result<Listed> look_around() const override;
    std::string directory_of(std::string_view name) const override;
    std::string path_of(std::string_view name) const override;
    std::optional<std::string> name_of(std::string_view entry) const;
    std::string unusable_because(std::string_view name) const;
};

}  // namespace relais
