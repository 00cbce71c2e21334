#include "lib/store/dbox_tree.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/strings.h"
#include "lib/store/dbox_mailbox.h"
#include "lib/store/file_kind.h"
#include "lib/store/nested_names.h"

namespace relais {

namespace {

std::unexpected<Error> only_read() {
    return std::unexpected(Error{Errc::kDenied, "sdbox and mdbox mailboxes are only read", EROFS});
}

}  // namespace

std::string DboxTree::folder_of(std::string_view name) const {
    return "/" + location_.mailboxes + "/" + mailbox_to_disk(name, disk_names());
}

// Below the root, or below another one of the same form.
std::string DboxTree::part_of(std::string_view name) const {
    return folder_of(name) + "/" + location_.leaf;
}

Result<void> DboxTree::prepare(std::string_view name) const {
    if (!is_directory(root() + "/" + location_.mailboxes)) {
        return fail(Errc::kNotFound, root() + " has no mailboxes");
    }
    return exists(name) || name == "INBOX" ? Result<void>()
                                           : tree_denial(ENOENT, "Mailbox doesn't exist");
}

bool DboxTree::exists(std::string_view name) const {
    const auto levels = split_fields(name, separator_);
    const bool climbs = std::ranges::any_of(
        levels, [](std::string_view level) { return level.empty() || level.front() == '.'; });
    const bool slash = separator_ != '/' && name.contains('/');
    return !climbs && !slash && is_directory(root() + part_of(name));
}

MailboxPlace DboxTree::place_of(std::string_view name) const {
    MailboxPlace place;
    place.directory = root() + part_of(name);
    place.root = root();
    place.host = host_;
    place.file_mode = file_mode_;
    place.counted = false;
    place.index = kNowhere;
    return place;
}

std::unique_ptr<Mailbox> DboxTree::open(std::string_view name) const {
    const bool apart = !location_.index.empty();
    const std::string& indexes = apart ? location_.index : root();
    MdboxStorage storage;
    if (location_.format == MailFormat::kMdbox) {
        storage.directory = root() + "/storage";
        storage.map = indexes + "/storage/dovecot.map.index";
        storage.alternative =
            location_.alternative.empty() ? "" : location_.alternative + "/storage";
    }
    const std::string alternative =
        location_.alternative.empty() ? "" : location_.alternative + part_of(name);
    return std::make_unique<DboxMailbox>(place_of(name),
                                         indexes + (apart ? folder_of(name) : part_of(name)),
                                         std::move(storage), alternative);
}

bool DboxTree::may_be_folder(const NestedEntry& entry) const {
    return entry.level != location_.leaf && entry.level.front() != '.';
}

std::vector<std::string> DboxTree::name_directories() const {
    return nested_directories(root() + "/" + location_.mailboxes, disk_names(),
                              [this](const NestedEntry& entry) { return may_be_folder(entry); });
}

Result<MailTree::Listed> DboxTree::look_around() const {
    std::vector<std::string> names;
    auto visit = directories_with(
        location_.leaf, [this](const NestedEntry& entry) { return may_be_folder(entry); }, &names);
    NestedOutcome seen = visit_nested(root() + "/" + location_.mailboxes, disk_names(), visit);
    // Without the directory there is nothing.
    if (!seen.root && seen.root.error().sys_errno != ENOENT) {
        return fail_with(seen.root);
    }
    std::ranges::sort(names, {},
                      [](const std::string& name) { return std::pair(name != "INBOX", name); });
    return Listed{std::move(names), std::move(seen.below)};
}

Result<void> DboxTree::create(std::string_view /*name*/) {
    return only_read();
}

Result<void> DboxTree::remove(std::string_view /*name*/) {
    return only_read();
}

Result<void> DboxTree::rename(std::string_view /*from*/, std::string_view /*to*/) {
    return only_read();
}

}  // namespace relais
