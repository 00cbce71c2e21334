// The user whose mail this process serves: the tree of mailboxes, and the mailboxes that sessions
// have open.  A mailbox that nobody uses any longer stays for a while, so that clients that come
// and go find it warm.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/access/access_control.h"
#include "lib/access/namespaces.h"
#include "lib/access/quiet_watch.h"
#include "lib/access/quota_commands.h"
#include "lib/event/loop.h"
#include "lib/store/mail_quota.h"
#include "lib/store/mailbox.h"
#include "lib/store/message_cache.h"
#include "lib/store/special_uses.h"

namespace relais {

// What a program keeps about a mailbox for all sessions, as long as it is open.
struct MailboxMemory {
    MailboxMemory() = default;
    MailboxMemory(const MailboxMemory&) = delete;
    MailboxMemory& operator=(const MailboxMemory&) = delete;
    virtual ~MailboxMemory() = default;
};

struct OpenMailbox {
    OpenMailbox(std::string name, std::unique_ptr<Mailbox> mailbox);

    std::string name;
    std::unique_ptr<Mailbox> storage;
    Mailbox& box;
    MessageCache cache;
    // By UIDVALIDITY and UID: sizes with CRLF that neither names nor the uidlist tell (POP3)
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> wire_sizes;
    std::unique_ptr<MailboxMemory> memory;  // each program has one kind of it
    std::string large_facts;                // of the last message that had too many for the cache
    QuietWatch quiet;
    SteadyTime last_used = std::chrono::steady_clock::now();
};

// The configuration's, read once; ends the process where it cannot be used.
const QuotaSettings& quota_settings();

// The same for imap_namespaces and for imap_acl.
const std::vector<NamespaceSettings>& namespace_settings();

// One with the INBOX: of a place that is looked at whole, whatever the configuration says.
const std::vector<NamespaceSettings>& single_namespace();

const AclSettings& acl_settings();

class User {
  public:
    // `location` is where the mail lies, with variables.  prepare() fails where that cannot be.
    // `quota_rules` are his own; `acl_groups` have rights on mailboxes.
    User(std::string name, const std::string& home, std::string_view location,
         const std::vector<std::string>& quota_rules = {},
         const std::vector<std::string>& acl_groups = {},
         const std::vector<NamespaceSettings>& spaces = namespace_settings());
    User(const User&) = delete;
    User& operator=(const User&) = delete;

    const std::string& name() const { return name_; }

    const std::string& home() const { return home_; }

    // Makes INBOX where it is missing.
    [[nodiscard]] Result<void> prepare() {
        return tree_.usable() ? tree_.prepare() : tree_.usable();
    }

    // All mailboxes that he can name, whatever his rights.
    Namespaces& tree() { return tree_; }

    const Namespaces& tree() const { return tree_; }

    const AccessControl& access() const { return access_; }

    // What the user has in his lists: of the mailboxes that exist, those that he may see.  `asked`
    // as in Namespaces::list().
    [[nodiscard]] Result<std::vector<std::string>> visible_mailboxes(
        const std::vector<std::string>& asked) const;

    char separator() const { return tree_.separator(); }

    // The same object for all sessions.  The mailbox must exist.
    std::shared_ptr<OpenMailbox> open(const std::string& name);

    // The mailbox (and what is below it) is gone or has another name.
    void forget(std::string_view name);

    // "\Sent" for a mailbox with a special use, else empty: what a client has given to it, or what
    // imap_special_use says as long as no mailbox has been given that.
    std::string_view special_use(std::string_view name) const;

    // Reads what clients have given; before special_use() is asked.
    void load_special_uses() { given_uses_ = SpecialUses::load(root(), tree_.own().disk_names()); }

    // Takes over that a mailbox has those uses now (none: empty), or another name.
    [[nodiscard]] Task<Result<void>> set_special_uses(std::string name, std::string uses);
    [[nodiscard]] Task<Result<void>> rename_special_uses(std::string from, std::string to);

    // By the names that clients use, with their namespaces.
    [[nodiscard]] Result<std::vector<std::string>> subscribed() const;

    // Both change the file of subscriptions, under its lock.
    [[nodiscard]] Task<Result<void>> subscribe(std::string mailbox);
    [[nodiscard]] Task<Result<void>> unsubscribe(std::string mailbox);

    // Lets go of mailboxes that nobody uses, until cancelled.
    [[nodiscard]] Task<void> keep_house();

    // Null where there are no quotas.
    const MailQuota* quota() const { return quota_ ? &*quota_ : nullptr; }

    // Whether messages of that weight may go into the folder.
    [[nodiscard]] Task<Result<QuotaVerdict>> room_for(std::string folder, QuotaAmount more);

    // What the mailboxes hold has changed: there may be somebody to warn.
    [[nodiscard]] Task<void> quota_changed();

    // Whether the name is of his own mail, and not of others' or of all.
    bool is_own(std::string_view name) const { return own_name(name).has_value(); }

    // Ends what was begun, before this ends.
    [[nodiscard]] Task<void> close() { return commands_.join(); }

    // Writes down what would have to be found out again.
    void save_all();

    // The directory of the files about all mailboxes.
    std::string root() const { return tree_.files_root(); }

  private:
    [[nodiscard]] Task<void> release_unused();
    enum class Subscription { kAdd, kRemove };
    [[nodiscard]] Task<Result<void>> change_subscription(std::string mailbox, Subscription what);
    [[nodiscard]] Task<Result<void>> change_uses(std::function<bool(SpecialUses&)> change);
    std::string key_of(std::string_view name) const;
    std::optional<std::string> own_name(std::string_view name) const;

    std::string name_;
    std::string home_;
    Namespaces tree_;
    AccessControl access_;
    std::map<std::string, std::shared_ptr<OpenMailbox>, std::less<>> open_;  // by key_of()
    std::map<std::string, std::string, std::less<>> special_use_;            // configured
    SpecialUses given_uses_;
    std::optional<MailQuota> quota_;
    std::optional<QuotaAmount> usage_;  // as it was when somebody looked last
    QuotaCommands commands_;
};

}  // namespace relais
