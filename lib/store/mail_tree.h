// The mailboxes of a user, whatever the format and the layout of their directories.  Names here are
// those of IMAP: modified UTF-7, with the hierarchy separator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mail_location.h"
#include "lib/store/mailbox.h"
#include "lib/store/shared_lock.h"

namespace relais {

// Where nothing is: for indexes that are not kept, and in place of a location that is none.
inline constexpr std::string_view kNowhere = "/nonexistent";

class MailTree {
  public:
    MailTree(const MailTree&) = delete;
    MailTree& operator=(const MailTree&) = delete;
    virtual ~MailTree() = default;

    const MailLocation& location() const { return location_; }

    const std::string& root() const { return location_.root; }

    // Where files about all mailboxes are that are no mailboxes themselves.
    virtual std::string files_root() const { return root(); }

    // Where Dovecot's lists are: subscriptions above all.
    const std::string& control_root() const {
        return location_.control.empty() ? location_.root : location_.control;
    }

    std::string subscriptions_path() const {
        return control_root() + "/" + location_.subscriptions;
    }

    char separator() const { return separator_; }

    // How names stand in directories and lists.
    DiskNames disk_names() const {
        const bool nested = location_.layout == FolderLayout::kDirectories;
        return {separator_, nested ? '/' : '.', location_.names};
    }

    unsigned file_mode() const { return file_mode_; }

    void set_storage(Storage storage) { storage_ = storage; }

    // Which mailboxes count in maildirsize; without it, all of them do.
    void set_counted(std::function<bool(std::string_view name)> counted) {
        counted_ = std::move(counted);
    }

    // INBOX in any case is INBOX, and so is the first level of "inbox/Sub".
    std::string canonical(std::string_view name) const;

    // There can be mailboxes below it.
    virtual bool takes_children(std::string_view /*name*/) const { return true; }

    // A mailbox below it exists.
    bool has_children(std::string_view name) const;

    // Where mailboxes come and go: root(), and in nested layouts what is below it.
    virtual std::vector<std::string> name_directories() const { return {root()}; }

    // What came or went under that name in one of these may be a mailbox.
    virtual bool may_be_mailbox(std::string_view entry, bool directory) const = 0;

    // Makes what belongs to a mailbox where it is missing.
    [[nodiscard]] virtual Result<void> prepare(std::string_view name = "INBOX") const = 0;

    // All mailboxes, INBOX first, the others sorted.  A directory that cannot be read is an error:
    // what is not seen is not gone.
    [[nodiscard]] Result<std::vector<std::string>> list() const;

    // Those that can be seen, whatever there may be below the root besides.
    [[nodiscard]] Result<std::vector<std::string>> list_readable() const;

    // Why no mailbox of that name can be made; empty when it can.
    virtual std::string invalid_because(std::string_view name) const = 0;

    virtual bool exists(std::string_view name) const = 0;

    // Whether there is an INBOX; root() may be there for other mailboxes alone.
    virtual bool has_inbox() const = 0;

    // As exists(), before a mailbox is used: what somebody else has removed and every mailbox has
    // (new/, tmp/, all of INBOX) is made again.
    virtual bool ready(std::string_view name) const = 0;

    virtual MailboxPlace place_of(std::string_view name) const = 0;

    // Not looked at yet.  The mailbox must exist.
    virtual std::unique_ptr<Mailbox> open(std::string_view name) const = 0;

    // kDenied with sys_errno EEXIST or ENOENT where the name is taken or there is nothing.
    [[nodiscard]] virtual Result<void> create(std::string_view name) = 0;
    [[nodiscard]] virtual Result<void> remove(std::string_view name) = 0;
    // With all mailboxes below it; each needs a free place.  INBOX cannot be renamed this way.
    [[nodiscard]] virtual Result<void> rename(std::string_view from, std::string_view to) = 0;

  protected:
    struct Listed {
        std::vector<std::string> names;
        Result<void> all_seen;
    };

    // For list(); the error is the root's.
    [[nodiscard]] virtual Result<Listed> look_around() const = 0;

    MailTree(MailLocation location, char separator, std::string host);

    bool counts(std::string_view name) const { return !counted_ || counted_(name); }

    MailLocation location_;
    char separator_;
    std::string host_;
    unsigned directory_mode_ = 0700;
    unsigned file_mode_ = 0600;
    Storage storage_ = Storage::kOwn;

  private:
    std::function<bool(std::string_view)> counted_;
};

// The tree that the location describes.
[[nodiscard]] std::unique_ptr<MailTree> make_mail_tree(MailLocation location, char separator,
                                                       std::string host);

// Of an operation that the tree refuses: kDenied, with EEXIST, ENOENT or ENAMETOOLONG.
[[nodiscard]] std::unexpected<Error> tree_denial(int reason, std::string text);

}  // namespace relais
