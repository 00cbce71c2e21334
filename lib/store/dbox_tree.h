// The mailboxes of Dovecot's sdbox and mdbox: ROOT/mailboxes/A/B/dbox-Mails is the mailbox A/B.
// They are read, not changed: who wants to keep the mail brings it over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/store/mail_tree.h"
#include "lib/store/nested_names.h"

namespace relais {

class DboxTree : public MailTree {
  public:
    DboxTree(MailLocation location, char separator, std::string host)
        : MailTree(std::move(location), separator, std::move(host)) {}

    bool may_be_mailbox(std::string_view /*entry*/, bool directory) const override {
        return directory;
    }

    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const override;

    std::vector<std::string> name_directories() const override;

    std::string invalid_because(std::string_view /*name*/) const override {
        return "sdbox and mdbox mailboxes are only read";
    }

    bool exists(std::string_view name) const override;

    bool has_inbox() const override { return exists("INBOX"); }

    bool ready(std::string_view name) const override { return exists(name); }

    MailboxPlace place_of(std::string_view name) const override;
    std::unique_ptr<Mailbox> open(std::string_view name) const override;
    [[nodiscard]] Result<void> create(std::string_view name) override;
    [[nodiscard]] Result<void> remove(std::string_view name) override;
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;

  private:
    [[nodiscard]] Result<Listed> look_around() const override;
    std::string folder_of(std::string_view name) const;
    std::string part_of(std::string_view name) const;
    bool may_be_folder(const NestedEntry& entry) const;
};

}  // namespace relais
