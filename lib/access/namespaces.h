// The mailboxes that a user sees, in all namespaces (RFC 2342), by the names that clients use for
// them: each is a mailbox of some MailTree.  Rights are not looked at here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/namespace_settings.h"
#include "lib/store/mail_tree.h"

namespace relais {

// Where a mailbox is, or would be.
struct MailboxLocation {
    const NamespaceSettings* space = nullptr;
    std::shared_ptr<MailTree> tree;
    std::string name;    // in the tree; empty: none, it is the namespace itself
    std::string prefix;  // what clients have before it
    std::string owner;   // of the tree; empty: nobody

    bool own() const { return space->inbox; }
};

class Namespaces {
  public:
    struct Person {
        std::string name;
        std::string home;
        std::string location;  // of his mail
    };

    Namespaces(Person user, std::vector<NamespaceSettings> spaces, char separator,
               std::string host);

    const std::vector<NamespaceSettings>& spaces() const { return spaces_; }

    char separator() const { return separator_; }

    // Of all mailboxes (mail_nfs_storage).
    void set_storage(Storage storage);

    // An error where a location is none: nothing is there then.
    const Result<void>& usable() const { return usable_; }

    // The user's own mail.
    MailTree& own() { return *own_; }

    const MailTree& own() const { return *own_; }

    std::string files_root() const { return own_->files_root(); }

    unsigned file_mode() const { return own_->file_mode(); }

    // Nothing for a name in no namespace.
    [[nodiscard]] std::optional<MailboxLocation> locate(std::string_view name) const;

    // Whether the name is in a namespace with a prefix.
    bool is_prefixed(std::string_view name) const {
        const NamespaceSettings* space = space_of(name);
        return space != nullptr && !space->prefix.empty();
    }

    // The root of another user's mailboxes in a shared namespace.
    [[nodiscard]] MailboxLocation shared_root(const NamespaceSettings& space,
                                              std::string_view owner) const;

    // The names of all mailboxes in namespaces with list=yes and list=children, and in the others
    // where one of `asked` begins with their prefix; in shared ones, those of `owners`.
    [[nodiscard]] Result<std::vector<std::string>> list(
        const std::vector<std::string>& asked = {},
        const std::vector<std::string>& owners = {}) const;

    // What MailTree has, by clients' names.
    std::string canonical(std::string_view name) const;
    std::string invalid_because(std::string_view name) const;
    bool exists(std::string_view name) const;
    bool ready(std::string_view name) const;
    bool takes_children(std::string_view name) const;
    bool has_children(std::string_view name) const;
    MailboxPlace place_of(std::string_view name) const;
    std::unique_ptr<Mailbox> open(std::string_view name) const;
    [[nodiscard]] Result<void> prepare(std::string_view name = "INBOX") const;
    [[nodiscard]] Result<void> create(std::string_view name);
    [[nodiscard]] Result<void> remove(std::string_view name);
    [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to);

  private:
    std::shared_ptr<MailTree> tree_at(std::string_view location, const Person& whose) const;
    void note_trouble(std::string_view location, const Person& whose);
    const NamespaceSettings* space_of(std::string_view name) const;
    static void append_names(const MailboxLocation& root, const std::vector<std::string>& found,
                             std::vector<std::string>& names);

    Person user_;
    std::vector<NamespaceSettings> spaces_;
    char separator_;
    std::string host_;
    Storage storage_ = Storage::kOwn;
    Result<void> usable_;
    std::shared_ptr<MailTree> own_;
    std::vector<std::shared_ptr<MailTree>> trees_;  // of each namespace; null: shared
};

// Where that user's mail lies (mail_location.h), once variables are expanded.  kSyntax where a
// user's name brings a step up ("..") that the administrator has not written.
[[nodiscard]] Result<MailLocation> mail_location_of(std::string_view location,
                                                    const std::string& user,
                                                    const std::string& home);

}  // namespace relais
