#include "lib/store/nested_maildir_tree.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/file_kind.h"
#include "lib/store/nested_names.h"

namespace relais {

namespace {

// What a mailbox itself is made of.  Without cur/ there is none.
constexpr std::array<std::string_view, 3> kParts = {"cur", "new", "tmp"};

bool is_part(std::string_view level) {
    return std::ranges::find(kParts, level) != kParts.end();
}

bool is_link(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

// A link that leads nowhere is something, too.
bool is_missing(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) < 0 && errno == ENOENT;
}

}  // namespace

bool NestedMaildirTree::may_be_mailbox(std::string_view entry, bool directory) const {
    return directory && !is_part(entry) && !is_trash(entry);
}

std::string NestedMaildirTree::path_of(std::string_view name) const {
    return mailbox_to_disk(name, disk_names());
}

std::string NestedMaildirTree::directory_of(std::string_view name) const {
    return name == "INBOX" ? inbox_directory() : root() + "/" + path_of(name);
}

std::string NestedMaildirTree::unusable_because(std::string_view name) const {
    return nested_name_trouble(name, disk_names(), [](std::string_view level) {
        return is_part(level) || is_trash(level);
    });
}

std::string NestedMaildirTree::invalid_because(std::string_view name) const {
    std::string why = unusable_because(name);
    return why.empty() && name.front() == '~' ? "Begins with '~'" : why;
}

bool NestedMaildirTree::exists(std::string_view name) const {
    return unusable_because(name).empty() && is_directory(directory_of(name) + "/cur");
}

// "inbox" is no directory of INBOX's, whose name it would have.
bool NestedMaildirTree::may_be_folder(const NestedEntry& entry) const {
    const bool other_case =
        entry.depth == 1 && iequals(entry.name, "INBOX") && entry.name != "INBOX";
    return may_be_mailbox(entry.level, true) && !other_case;
}

std::vector<std::string> NestedMaildirTree::name_directories() const {
    return nested_directories(root(), disk_names(),
                              [this](const NestedEntry& entry) { return may_be_folder(entry); });
}

Result<MailTree::Listed> NestedMaildirTree::look_around() const {
    std::vector<std::string> names;
    auto visit = directories_with(
        "cur", [this](const NestedEntry& entry) { return may_be_folder(entry); }, &names);
    NestedOutcome seen = visit_nested(root(), disk_names(), visit);
    if (!seen.root) {
        return fail_with(seen.root);
    }
    std::erase(names, "INBOX");  // it is there in any case, and may be elsewhere
    std::ranges::sort(names);
    names.insert(names.begin(), "INBOX");
    return Listed{std::move(names), std::move(seen.below)};
}

// The parts first, cur/ before the others, and then files.  Other directories stay: they are what
// is below the mailbox.
Result<void> NestedMaildirTree::move_own_entries(const std::string& directory,
                                                 const std::string& target) const {
    auto entries = list_directory(directory);
    if (!entries) {
        return fail_with(entries);
    }
    std::erase_if(*entries, [&directory](const std::string& entry) {
        return is_directory(format("{}/{}", directory, entry));
    });
    entries->insert(entries->begin(), kParts.begin(), kParts.end());
    for (const std::string& entry : *entries) {
        const std::string path = format("{}/{}", directory, entry);
        const std::string gone = format("{}/{}", target, entry);
        if (std::rename(path.c_str(), gone.c_str()) < 0) {
            auto failed = fail_errno("rename " + path);
            if (!is_missing(path)) {
                return failed;
            }
        }
    }
    return {};
}

Result<void> NestedMaildirTree::remove(std::string_view name) {
    if (name == "INBOX" || !exists(name)) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    const std::string directory = directory_of(name);
    if (is_link(directory)) {
        return ::unlink(directory.c_str()) == 0 ? Result<void>()
                                                : fail_errno("remove " + directory);
    }
    const std::string trash = new_trash();
    auto moved = make_directories(trash, directory_mode_);
    moved = moved ? move_own_entries(directory, trash) : std::move(moved);
    if (!moved) {
        (void)move_own_entries(trash, directory);  // what has gone comes back
        ::rmdir(trash.c_str());
        return moved;
    }
    remove_empty_directories(directory, root());
    remove_lists(name);
    return empty_trash(trash, name);
}

Result<void> NestedMaildirTree::rename(std::string_view from, std::string_view to) {
    const std::string source = directory_of(from);
    const std::string target = directory_of(to);
    if (from == "INBOX" || !unusable_because(from).empty() || !is_directory(source)) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    std::string why = unusable_because(to);
    if (!why.empty()) {
        return tree_denial(ENAMETOOLONG, why);
    }
    if (to == "INBOX" || is_directory(target)) {
        return tree_denial(EEXIST, "Target mailbox already exists");
    }
    auto made = make_directories(parent_directory(target), directory_mode_);
    if (!made) {
        return made;
    }
    prepare_renaming_lists(from, to);
    if (std::rename(source.c_str(), target.c_str()) < 0) {
        auto failed = fail_errno("rename " + source);
        remove_lists(to);
        remove_empty_directories(parent_directory(target), root());
        return failed;
    }
    rename_lists(from, to);
    remove_empty_directories(parent_directory(source), root());
    return {};
}

}  // namespace relais
