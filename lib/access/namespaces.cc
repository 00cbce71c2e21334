#include "lib/access/namespaces.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/user_variables.h"
#include "lib/store/mailbox_name.h"

namespace relais {

namespace {

using Type = NamespaceSettings::Type;
using Listing = NamespaceSettings::Listing;

constexpr std::string_view kInbox = "INBOX";

std::unexpected<Error> denied(int reason, std::string text) {
    return std::unexpected(Error{Errc::kDenied, std::move(text), reason});
}

// One of its paths has a step up.
bool climbs(std::string_view location) {
    auto levels = split_words(location, "/:=");
    return std::ranges::find(levels, "..") != levels.end();
}

// Indexes of others' mail may be in one's own home: "INDEX=~/shared/%%u".
std::string with_own_places(std::string location, const std::string& home) {
    constexpr std::string_view kOwn = "=~/";
    for (std::size_t at = 0; (at = location.find(kOwn, at)) != std::string::npos;) {
        location.replace(at + 1, 1, home);
    }
    return location;
}

}  // namespace

Result<MailLocation> mail_location_of(std::string_view location, const std::string& user,
                                      const std::string& home) {
    if (climbs(expand_user_variables(location, user, "/")) && !climbs(location)) {
        return fail(Errc::kSyntax, "\"..\" in the mail location of user " + printable(user));
    }
    return parse_mail_location(expand_user_variables(location, user, home), user, home);
}

Namespaces::Namespaces(Person user, std::vector<NamespaceSettings> spaces, char separator,
                       std::string host)
    : user_(std::move(user)),
      spaces_(std::move(spaces)),
      separator_(separator),
      host_(std::move(host)),
      own_(tree_at(user_.location, user_)) {
    note_trouble(user_.location, user_);
    for (const NamespaceSettings& space : spaces_) {
        trees_.push_back(space.type == Type::kShared ? nullptr
                         : space.location.empty()    ? own_
                                                     : tree_at(space.location, user_));
        if (space.type != Type::kShared && !space.location.empty()) {
            note_trouble(space.location, user_);
        }
        if (space.inbox && !space.location.empty()) {
            own_ = trees_.back();
        }
    }
}

void Namespaces::note_trouble(std::string_view location, const Person& whose) {
    auto where = mail_location_of(location, whose.name, whose.home);
    if (!where && usable_) {
        usable_ = fail_with(where);
    }
}

std::shared_ptr<MailTree> Namespaces::tree_at(std::string_view location,
                                              const Person& whose) const {
    auto where = mail_location_of(location, whose.name, whose.home);
    std::shared_ptr<MailTree> tree =
        make_mail_tree(where ? std::move(*where) : MailLocation::maildir(std::string(kNowhere)),
                       separator_, host_);
    tree->set_storage(storage_);
    return tree;
}

void Namespaces::set_storage(Storage storage) {
    storage_ = storage;
    own_->set_storage(storage);
    for (const auto& tree : trees_) {
        if (tree) {
            tree->set_storage(storage);
        }
    }
}

// The location is expanded for the user, which makes %u of %%u, and then for the other one.
MailboxLocation Namespaces::shared_root(const NamespaceSettings& space,
                                        std::string_view owner) const {
    Person other;
    other.name = owner;
    other.home = expand_user_variables(conf().auth_default_home(), owner);
    MailboxLocation where;
    where.space = &space;
    where.owner = owner;
    where.prefix = shared_prefix_of(space.prefix, owner);
    const std::string own = with_own_places(std::string(space.location), user_.home);
    where.tree = tree_at(expand_user_variables(own, user_.name, user_.home), other);
    return where;
}

const NamespaceSettings* Namespaces::space_of(std::string_view name) const {
    const NamespaceSettings* best = nullptr;
    for (const NamespaceSettings& space : spaces_) {
        std::string_view prefix = space.fixed_prefix();
        bool whole = !prefix.empty() && prefix.substr(0, prefix.size() - 1) == name;
        bool fits = name.starts_with(prefix) || (whole && !space.inbox);
        if (fits && (best == nullptr || prefix.size() > best->fixed_prefix().size())) {
            best = &space;
        }
    }
    return best;
}

std::optional<MailboxLocation> Namespaces::locate(std::string_view name) const {
    MailboxLocation where;
    where.space = name == kInbox ? &*std::ranges::find_if(spaces_, &NamespaceSettings::inbox)
                                 : space_of(name);
    if (where.space == nullptr) {
        return std::nullopt;
    }
    if (where.space->type == Type::kShared) {
        auto shared = match_shared_prefix(where.space->prefix, name);
        if (!shared) {  // "shared/bob" is the INBOX of bob, as "shared/bob/INBOX" is
            shared = match_shared_prefix(where.space->prefix, std::string(name) + separator_);
        }
        if (!shared) {
            return std::nullopt;
        }
        where = shared_root(*where.space, shared->owner);
        where.name = shared->rest.empty() ? std::string(kInbox) : shared->rest;
        return where;
    }
    where.tree = trees_[static_cast<std::size_t>(where.space - spaces_.data())];
    where.prefix = where.space->prefix;
    where.owner = where.space->type == Type::kPrivate ? user_.name : "";
    std::size_t skipped = name == kInbox ? 0 : where.prefix.size();
    where.name = name.size() < skipped ? "" : name.substr(skipped);
    // In one with a prefix the INBOX goes by its own name alone.
    bool hidden_inbox = name != kInbox && where.name == kInbox && where.own();
    if (hidden_inbox) {
        where.name.clear();
    }
    return where;
}

void Namespaces::append_names(const MailboxLocation& root, const std::vector<std::string>& found,
                              std::vector<std::string>& names) {
    for (const std::string& name : found) {
        if (name != kInbox) {
            names.push_back(root.prefix + name);
        } else if (root.own()) {
            names.emplace_back(kInbox);
        } else if (root.space->type == Type::kShared && root.tree->has_inbox()) {
            names.push_back(root.prefix.substr(0, root.prefix.size() - 1));
        }
    }
}

Result<std::vector<std::string>> Namespaces::list(const std::vector<std::string>& asked,
                                                  const std::vector<std::string>& owners) const {
    auto own = own_->list_readable();
    if (!own) {
        return own;
    }
    const std::vector<std::string> none;
    std::vector<std::string> names;
    for (const NamespaceSettings& space : spaces_) {
        bool named = std::ranges::any_of(asked, [&space](const std::string& pattern) {
            return !space.prefix.empty() && pattern.starts_with(space.fixed_prefix());
        });
        if (space.listing == Listing::kNo && !named) {
            continue;
        }
        if (space.type != Type::kShared) {
            MailboxLocation root;
            root.space = &space;
            root.tree = trees_[static_cast<std::size_t>(&space - spaces_.data())];
            root.prefix = space.prefix;
            if (root.tree == own_) {
                append_names(root, *own, names);
            } else {
                append_names(root, root.tree->list_readable().value_or(none), names);
            }
            continue;
        }
        for (const std::string& owner : owners) {
            const MailboxLocation root = shared_root(space, owner);
            append_names(root, root.tree->list_readable().value_or(none), names);
        }
    }
    return names;
}

std::string Namespaces::canonical(std::string_view name) const {
    return canonical_mailbox(name, separator_);
}

std::string Namespaces::invalid_because(std::string_view name) const {
    auto where = locate(name);
    if (!where) {
        return "There is no such namespace";
    }
    if (where->name.empty()) {
        return "It is the name of a namespace";
    }
    bool nobody = where->space->type == Type::kShared && !where->tree->exists(kInbox);
    return nobody ? "Mailbox can't be created" : where->tree->invalid_because(where->name);
}

bool Namespaces::exists(std::string_view name) const {
    auto where = locate(name);
    if (!where || where->name.empty() || !where->tree->exists(where->name)) {
        return false;
    }
    // The root of other mailboxes need not be one itself.
    return where->own() || where->name != kInbox || where->tree->has_inbox();
}

bool Namespaces::ready(std::string_view name) const {
    auto where = locate(name);
    return where && (exists(name) || (where->own() && where->name == kInbox)) &&
           where->tree->ready(where->name);
}

bool Namespaces::takes_children(std::string_view name) const {
    auto where = locate(name);
    return !where || where->name.empty() || where->tree->takes_children(where->name);
}

bool Namespaces::has_children(std::string_view name) const {
    auto where = locate(name);
    return where && where->tree->has_children(where->name);
}

MailboxPlace Namespaces::place_of(std::string_view name) const {
    auto where = locate(name);
    return where && !where->name.empty() ? where->tree->place_of(where->name) : MailboxPlace();
}

std::unique_ptr<Mailbox> Namespaces::open(std::string_view name) const {
    auto where = locate(name);
    return where && !where->name.empty() ? where->tree->open(where->name) : own_->open(kInbox);
}

Result<void> Namespaces::prepare(std::string_view name) const {
    auto where = locate(name);
    return where && !where->name.empty() ? where->tree->prepare(where->name) : Result<void>();
}

Result<void> Namespaces::create(std::string_view name) {
    auto where = locate(name);
    return where ? where->tree->create(where->name) : denied(ENOENT, "There is no such namespace");
}

Result<void> Namespaces::remove(std::string_view name) {
    auto where = locate(name);
    return where && exists(name) ? where->tree->remove(where->name)
                                 : denied(ENOENT, "Mailbox doesn't exist");
}

Result<void> Namespaces::rename(std::string_view from, std::string_view to) {
    auto source = locate(from);
    auto target = locate(to);
    if (!source || !target || source->name.empty() || source->name == kInbox) {
        return denied(ENOENT, "Mailbox doesn't exist");
    }
    if (source->tree->root() != target->tree->root()) {
        return denied(EXDEV, "Can't rename mailboxes across namespaces");
    }
    return source->tree->rename(source->name, target->name);
}

}  // namespace relais
