// Mailboxes in Maildir with Dovecot's LAYOUT=fs: "A/B" is the directory B in the directory A, each
// with its cur/, new/ and tmp/ beside what is below it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/store/maildir_tree.h"
#include "lib/store/nested_names.h"

namespace relais {

class NestedMaildirTree : public MaildirTree {
  public:
    NestedMaildirTree(MailLocation location, char separator, std::string host)
        : MaildirTree(std::move(location), separator, std::move(host)) {}

    bool may_be_mailbox(std::string_view entry, bool directory) const override;
    std::vector<std::string> name_directories() const override;
    std::string invalid_because(std::string_view name) const override;
    bool exists(std::string_view name) const override;
    [[nodiscard]] Result<void> remove(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;

  private:
    [[nodiscard]] Result<Listed> look_around() const override;
    std::string directory_of(std::string_view name) const override;
    std::string path_of(std::string_view name) const override;
    bool may_be_folder(const NestedEntry& entry) const;
    std::string unusable_because(std::string_view name) const;
    [[nodiscard]] Result<void> move_own_entries(const std::string& directory,
                                                const std::string& target) const;
};

}  // namespace relais
