#include "lib/store/maildir_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/imap/utf7.h"
#include "lib/store/mailbox_name.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/maildir_size.h"
#include "lib/store/uid_validity.h"

namespace relais {

namespace {

constexpr std::string_view kTrash =
    "..DOVECOT-TRASHED";               // Dovecot's name for it; no mailbox has such
constexpr std::size_t kMaxName = 254;  // and a dot: what file systems take

bool is_directory(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool has_all_parts(const std::string& directory) {
    return is_directory(directory + "/cur") && is_directory(directory + "/new") &&
           is_directory(directory + "/tmp");
}

Result<void> remove_all(const std::string& path) {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    return code ? fail_errno("remove " + path, code.value()) : Result<void>();
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

bool MaildirTree::may_be_mailbox(std::string_view entry, bool directory) const {
    return directory && entry.starts_with('.');
}

Result<void> MaildirTree::prepare(std::string_view name) const {
    const MailboxPlace place = place_of(name);
    for (const std::string& each : {place.index, place.control}) {
        auto made = each.empty() ? Result<void>() : make_directories(each, directory_mode_);
        if (!made) {
            return made;
        }
    }
    return has_all_parts(place.directory) ? Result<void>() : make_maildir(place.directory);
}

// Most names stand on disk as they are.  Others may have been put there by hand or by another
// program: in raw UTF-8, or as "inbox.Sub".
std::string MaildirTree::directory_of(std::string_view name) const {
    if (name == "INBOX") {
        return root();
    }
    std::string directory = root() + "/." + mailbox_to_disk(name, separator_);
    bool several_forms = name.find('&') != std::string_view::npos || name.starts_with("INBOX");
    if (several_forms && !is_directory(directory)) {
        auto entries = list_directory(root());
        for (const std::string& entry : entries ? *entries : std::vector<std::string>()) {
            if (name_of(entry) == name) {
                return root() + "/" + entry;
            }
        }
    }
    return directory;
}

// Nothing for an entry that is no mailbox.
std::optional<std::string> MaildirTree::name_of(std::string_view entry) const {
    bool folder = entry.size() > 1 && entry[0] == '.' && entry[1] != '.';
    return folder ? mailbox_from_disk(entry.substr(1), separator_) : std::nullopt;
}

// Whether there can be a directory of that name; a new one has to meet more.
std::string MaildirTree::unusable_because(std::string_view name) const {
    if (name.empty()) {
        return "Name is empty";
    }
    if (name.size() > kMaxName) {
        return "Name is too long";
    }
    if (!imap::utf7_to_utf8(name)) {
        return "Name is not valid mUTF-7";
    }
    if (name.find('/') != std::string_view::npos && separator_ != '/') {
        return "Name must not have '/' characters";
    }
    if (separator_ != '.' && name.find('.') != std::string_view::npos) {
        return "Character not allowed in mailbox name: '.'";
    }
    return name.front() == separator_ ? "Begins with hierarchy separator" : "";
}

std::string MaildirTree::invalid_because(std::string_view name) const {
    std::string why = unusable_because(name);
    if (!why.empty()) {
        return why;
    }
    if (name.front() == '~') {
        return "Begins with '~'";
    }
    auto levels = split_fields(name, separator_);
    bool gap = std::ranges::any_of(levels, &std::string_view::empty);
    return gap ? "Name has an empty level in its hierarchy" : "";
}

bool MaildirTree::exists(std::string_view name) const {
    return unusable_because(name).empty() && is_directory(directory_of(name));
}

bool MaildirTree::has_inbox() const {
    return is_directory(root() + "/cur");
}

bool MaildirTree::ready(std::string_view name) const {
    if (!exists(name) && name != "INBOX") {
        return false;
    }
    return prepare(name).has_value();
}

// Where files of a mailbox are that do not lie in it: in a directory of the same name.
std::string MaildirTree::beside(const std::string& where, const std::string& directory) const {
    return where.empty() || where == root() ? "" : where + directory.substr(root().size());
}

MailboxPlace MaildirTree::place_of(std::string_view name) const {
    std::string directory = directory_of(name);
    std::string index = beside(location_.index, directory);
    std::string control = beside(location_.control, directory);
    return {.directory = std::move(directory),
            .root = root(),
            .host = host_,
            .file_mode = file_mode_,
            .counted = counts(name),
            .storage = storage_,
            .index = std::move(index),
            .control = std::move(control)};
}

std::unique_ptr<Mailbox> MaildirTree::open(std::string_view name) const {
    return std::make_unique<MaildirMailbox>(place_of(name));
}

Result<std::vector<std::string>> MaildirTree::list() const {
    auto entries = list_directory(root());
    if (!entries) {
        return fail_with(entries);
    }
    std::vector<std::string> names;
    for (const std::string& entry : *entries) {
        auto name = name_of(entry);
        if (name && *name != "INBOX" && is_directory(root() + "/" + entry)) {
            names.push_back(std::move(*name));
        }
    }
    std::ranges::sort(names);
    auto again = std::ranges::unique(names);
    names.erase(again.begin(), again.end());
    names.insert(names.begin(), "INBOX");
    return names;
}

Result<void> MaildirTree::create(std::string_view name) {
    if (exists(name)) {
        return tree_denial(EEXIST, "Mailbox already exists");
    }
    auto made = prepare(name);
    if (!made) {
        return made;
    }
    const MailboxPlace place = place_of(name);
    auto marker = open_file(place.directory + "/maildirfolder", O_WRONLY | O_CREAT, file_mode_);
    if (!marker) {
        return fail_with(marker);
    }
    auto validity = next_uid_validity(root(), file_mode_);
    if (!validity) {
        return fail_with(validity);
    }
    UidList list;
    list.uid_validity = *validity;
    return list.rewrite(place.control_directory(), file_mode_);
}

Result<void> MaildirTree::remove(std::string_view name) {
    std::string directory = directory_of(name);
    if (name == "INBOX" || !exists(name)) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    // First out of sight in one step, then away.
    std::string trash = root() + "/" + std::string(kTrash);
    auto cleared = remove_all(trash);
    if (!cleared) {
        return cleared;
    }
    bool weighed = counts(name) && keeps_maildir_size(root());
    if (std::rename(directory.c_str(), trash.c_str()) < 0) {
        return fail_errno("rename " + directory);
    }
    auto lost = weighed ? count_mailbox(trash) : Result<QuotaAmount>();
    if (lost) {
        note_maildir_change(root(), {-lost->bytes, -lost->messages}, storage_);
    }
    return remove_all(trash);
}

Result<void> MaildirTree::rename(std::string_view from, std::string_view to) {
    auto all = list();
    if (!all) {
        return fail_with(all);
    }
    std::string below = std::string(from) + separator_;
    std::vector<std::string> moved;
    for (const std::string& name : *all) {
        if (name == from || name.starts_with(below)) {
            moved.push_back(name);
        }
    }
    if (moved.empty()) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    auto new_name = [from, to](const std::string& name) {
        return std::string(to) + name.substr(from.size());
    };
    // A place that one of them leaves is free: "p/q" can become "p".
    bool taken = std::ranges::any_of(moved, [&](const std::string& name) {
        return exists(new_name(name)) && std::ranges::find(moved, new_name(name)) == moved.end();
    });
    bool too_long = std::ranges::any_of(
        moved, [&](const std::string& name) { return new_name(name).size() > kMaxName; });
    if (too_long) {
        return tree_denial(ENAMETOOLONG, "Name is too long");
    }
    if (taken || from == to) {
        return tree_denial(EEXIST, "Target mailbox already exists");
    }
    for (const std::string& name : moved) {
        std::string source = directory_of(name);
        if (std::rename(source.c_str(), directory_of(new_name(name)).c_str()) < 0) {
            return fail_errno("rename " + source);
        }
    }
    return {};
}

}  // namespace relais
