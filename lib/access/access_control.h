// What a user may do with which mailbox: access control lists (RFC 4314), where imap_acl switches
// them on.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/namespaces.h"
#include "lib/event/loop.h"
#include "lib/store/acl_files.h"

namespace relais {

struct AclSettings {
    bool on = false;
    std::string global;  // the administrator's file or directory
    std::string shared_dict;
    bool defaults_from_inbox = false;

    // Of imap_acl and the parameters beside it; the error names the parameter.
    [[nodiscard]] static Result<AclSettings> from_configuration();
};

class AccessControl {
  public:
    // `spaces` outlive this.
    AccessControl(AclSettings settings, AclSubject user, Namespaces& spaces);

    bool on() const { return settings_.on; }

    // None where the list cannot be read.
    AclRights rights_on(std::string_view name) const;

    // On the mailbox above it, or else on the namespace: what decides on CREATE.
    AclRights rights_above(std::string_view name) const;

    // What the user may where no list says anything of him.
    AclRights default_rights(std::string_view name) const;

    [[nodiscard]] Result<AclList> list_of(std::string_view name) const;

    // The user's identifier in lists of this mailbox: who he is there.
    AclSubject subject_on(const MailboxLocation& where) const;

    // Has the list of the mailbox changed, where `change` returns true, and notes who may see
    // something now (imap_acl_shared_dict).
    [[nodiscard]] Task<Result<void>> change(std::string name,
                                            std::function<bool(AclList&)> change) const;

    // A new mailbox begins with what the one above it has.
    [[nodiscard]] Task<Result<void>> inherit(std::string name) const;

    // Writes anew who may see mailboxes of their owner, after they have come or gone.
    [[nodiscard]] Task<Result<void>> note_sharing(MailboxLocation where) const;

    // Which users have opened something to this one.
    std::vector<std::string> sharing_users() const;

    // Of `names`, those that the user may see in lists.
    std::vector<std::string> visible(std::vector<std::string> names) const;

  private:
    std::string nearest_above(const MailboxLocation& where) const;
    [[nodiscard]] Result<AclList> load(const MailboxLocation& where, const std::string& name) const;
    AclRights judge(const MailboxLocation& where, const Result<AclList>& list) const;
    AclRights default_rights(const MailboxLocation& where) const;
    std::vector<std::string> sharing_keys(const MailboxLocation& where) const;

    AclSettings settings_;
    AclSubject user_;
    Namespaces& spaces_;
    AclFiles files_;
};

}  // namespace relais
