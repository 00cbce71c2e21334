#include "lib/store/maildir_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/store/file_kind.h"
#include "lib/store/list_files.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/maildir_size.h"
#include "lib/store/nested_names.h"
#include "lib/store/uid_validity.h"

namespace relais {

namespace {

constexpr std::time_t kTrashSeconds = 86400;  // longer than a removal takes

bool has_all_parts(const std::string& directory) {
    return is_directory(directory + "/cur") && is_directory(directory + "/new") &&
           is_directory(directory + "/tmp");
}

Result<void> remove_all(const std::string& path) {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    return code ? fail_errno("remove " + path, code.value()) : Result<void>();
}

bool is_same_directory(const std::string& a, const std::string& b) {
    std::error_code neither_is_there;
    return a == b || std::filesystem::equivalent(a, b, neither_is_there);
}

}  // namespace

Result<void> MaildirTree::make_maildir(const std::string& directory) const {
    for (const char* part : {"/tmp", "/new", "/cur"}) {
        auto made = make_directories(directory + part, directory_mode_);
        if (!made) {
            return made;
        }
    }
    return {};
}

// Without a directory of indexes everything works, and has to be found out again.
Result<void> MaildirTree::prepare(std::string_view name) const {
    const MailboxPlace place = place_of(name);
    if (!place.index.empty() && !location_.index_in_memory) {
        (void)make_directories(place.index, directory_mode_);
    }
    if (!place.own_flags.empty()) {
        (void)make_directories(place.own_flags, directory_mode_);
    }
    auto made =
        place.control.empty() ? Result<void>() : make_directories(place.control, directory_mode_);
    if (!made || has_all_parts(place.directory)) {
        return made;
    }
    return make_maildir(place.directory);
}

bool MaildirTree::has_inbox() const {
    return is_directory(inbox_directory() + "/cur");
}

bool MaildirTree::ready(std::string_view name) const {
    return (exists(name) || name == "INBOX") && prepare(name).has_value();
}

// Where files of a mailbox are that do not lie in it.
std::string MaildirTree::below(const std::string& where, std::string_view name) const {
    return where.empty() || where == root() ? "" : where + "/" + path_of(name);
}

// Each directory once, whatever its names: INDEX= and CONTROL= may be one.
std::vector<std::string> MaildirTree::other_roots() const {
    std::vector<std::string> roots = {root()};
    for (const std::string& each : {location_.index, location_.control, location_.own_flags}) {
        const bool known = std::ranges::any_of(
            roots, [&each](const std::string& one) { return is_same_directory(one, each); });
        if (!each.empty() && !known) {
            roots.push_back(each);
        }
    }
    roots.erase(roots.begin());
    return roots;
}

MailboxPlace MaildirTree::place_of(std::string_view name) const {
    MailboxPlace place;
    place.directory = directory_of(name);
    place.root = control_root();
    place.host = host_;
    place.file_mode = file_mode_;
    place.counted = counts(name);
    place.storage = storage_;
    place.index = location_.index_in_memory ? kNowhere : below(location_.index, name);
    place.control = below(location_.control, name);
    place.own_flags = below(location_.own_flags, name);
    return place;
}

std::unique_ptr<Mailbox> MaildirTree::open(std::string_view name) const {
    return std::make_unique<MaildirMailbox>(place_of(name));
}

Result<void> MaildirTree::create(std::string_view name) {
    if (exists(name)) {
        return tree_denial(EEXIST, "Mailbox already exists");
    }
    remove_lists(name);  // what an older one has left
    auto made = prepare(name);
    if (!made) {
        return made;
    }
    auto validity = next_uid_validity(control_root(), file_mode_);
    if (!validity) {
        return fail_with(validity);
    }
    UidList list;
    list.uid_validity = *validity;
    return list.rewrite(place_of(name).control_directory(), file_mode_);
}

// Whoever died before it was empty has left it.
void MaildirTree::remove_old_trash() const {
    auto entries = list_directory(root());
    for (const std::string& entry : entries ? *entries : std::vector<std::string>()) {
        const std::string path = root() + "/" + entry;
        struct stat status;
        if (is_trash(entry) && ::lstat(path.c_str(), &status) == 0 &&
            status.st_mtime < std::time(nullptr) - kTrashSeconds) {
            (void)remove_all(path);
        }
    }
}

std::string MaildirTree::new_trash() const {
    remove_old_trash();
    return format("{}/{}.{}", root(), kTrash, make_guid());
}

Result<void> MaildirTree::empty_trash(const std::string& trash, std::string_view name) const {
    const bool weighed = counts(name) && keeps_maildir_size(control_root());
    auto lost = weighed ? count_mailbox(trash) : Result<QuotaAmount>();
    if (lost) {
        note_maildir_change(control_root(), {-lost->bytes, -lost->messages}, storage_);
    }
    return remove_all(trash);
}

void MaildirTree::remove_lists(std::string_view name) const {
    for (const std::string& where : other_roots()) {
        const std::string directory = where + "/" + path_of(name);
        remove_list_files(directory);
        remove_empty_directories(directory, where);
    }
}

std::size_t MaildirTree::list_levels() const {
    return location_.layout == FolderLayout::kDirectories ? kMostLevels : 1;
}

void MaildirTree::prepare_renaming_lists(std::string_view from, std::string_view to) const {
    for (const std::string& where : other_roots()) {
        prepare_moving_list_files(where + "/" + path_of(from), where + "/" + path_of(to),
                                  directory_mode_, list_levels());
    }
}

void MaildirTree::rename_lists(std::string_view from, std::string_view to) const {
    for (const std::string& where : other_roots()) {
        const std::string source = where + "/" + path_of(from);
        move_list_files(source, where + "/" + path_of(to), directory_mode_, list_levels());
        remove_empty_directories(parent_directory(source), where);
    }
}

}  // namespace relais
