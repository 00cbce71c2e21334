#include "lib/store/dotted_maildir_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/imap/utf7.h"
#include "lib/store/file_kind.h"
#include "lib/store/line_names.h"
#include "lib/store/mailbox_name.h"

namespace relais {

namespace {

constexpr std::size_t kMaxName = 254;  // and a dot: what file systems take

}  // namespace

bool DottedMaildirTree::may_be_mailbox(std::string_view entry, bool directory) const {
    return directory && entry.starts_with('.');
}

// Most names stand on disk as they are.  Others may have been put there by hand or by another
// program: in raw UTF-8, or as "inbox.Sub".
std::string DottedMaildirTree::directory_of(std::string_view name) const {
    if (name == "INBOX") {
        return inbox_directory();
    }
    std::string directory = root() + "/" + path_of(name);
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

std::string DottedMaildirTree::path_of(std::string_view name) const {
    return "." + mailbox_to_disk(name, disk_names());
}

// Nothing for an entry that is no mailbox.
std::optional<std::string> DottedMaildirTree::name_of(std::string_view entry) const {
    bool folder = entry.size() > 1 && entry[0] == '.' && entry[1] != '.' &&
                  !breaks_lines(entry, disk_names());
    return folder ? mailbox_from_disk(entry.substr(1), disk_names()) : std::nullopt;
}

// Whether there can be a directory of that name; a new one has to meet more.
std::string DottedMaildirTree::unusable_because(std::string_view name) const {
    if (name.empty()) {
        return "Name is empty";
    }
    if (name.size() > kMaxName) {
        return "Name is too long";
    }
    auto decoded = imap::utf7_to_utf8(name);
    if (!decoded || decoded->contains('\0')) {
        return "Name is not valid mUTF-7";
    }
    if (name.find('/') != std::string_view::npos && separator_ != '/') {
        return "Name must not have '/' characters";
    }
    if (breaks_lines(mailbox_to_disk(name, disk_names()), disk_names())) {
        return "Name has control characters";
    }
    if (separator_ != '.' && name.find('.') != std::string_view::npos) {
        return "Character not allowed in mailbox name: '.'";
    }
    return name.front() == separator_ ? "Begins with hierarchy separator" : "";
}

std::string DottedMaildirTree::invalid_because(std::string_view name) const {
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

bool DottedMaildirTree::exists(std::string_view name) const {
    return unusable_because(name).empty() && is_directory(directory_of(name));
}

Result<MailTree::Listed> DottedMaildirTree::look_around() const {
    Listed listed;
    std::vector<std::string>& names = listed.names;
    // Where nothing in it can be reached, what its entries are is of no use.
    const bool reached = ::faccessat(AT_FDCWD, root().c_str(), X_OK, AT_EACCESS) == 0;
    auto take = [&](std::string_view entry, std::optional<FileKind> told) {
        told = reached ? told : std::nullopt;
        auto name = told.value_or(FileKind::kDirectory) == FileKind::kDirectory ? name_of(entry)
                                                                                : std::nullopt;
        if (!name || *name == "INBOX") {
            return;
        }
        auto kind = told ? Result<FileKind>(*told) : file_kind(root() + "/" + std::string(entry));
        if (kind == FileKind::kDirectory) {
            names.push_back(std::move(*name));
        } else if (!kind) {
            listed.all_seen = fail_with(kind);
        }
    };
    auto read = for_each_entry(root(), take);
    if (!read) {
        return fail_with(read);
    }
    std::ranges::sort(names);
    auto again = std::ranges::unique(names);
    names.erase(again.begin(), again.end());
    names.insert(names.begin(), "INBOX");
    return listed;
}

Result<void> DottedMaildirTree::create(std::string_view name) {
    auto made = MaildirTree::create(name);
    if (!made) {
        return made;
    }
    auto marker = open_file(directory_of(name) + "/maildirfolder", O_WRONLY | O_CREAT, file_mode_);
    return marker ? Result<void>() : fail_with(marker);
}

Result<void> DottedMaildirTree::remove(std::string_view name) {
    std::string directory = directory_of(name);
    if (name == "INBOX" || !exists(name)) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    // First out of sight in one step, then away.  It is no old trash from the beginning.
    const std::string trash = new_trash();
    ::utimensat(AT_FDCWD, directory.c_str(), nullptr, 0);
    if (std::rename(directory.c_str(), trash.c_str()) < 0) {
        return fail_errno("rename " + directory);
    }
    remove_lists(name);
    return empty_trash(trash, name);
}

Result<void> DottedMaildirTree::rename(std::string_view from, std::string_view to) {
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
        if (is_directory(directory_of(new_name(name)))) {
            return fail_errno("rename " + source, ENOTEMPTY);  // its lists stay
        }
        prepare_renaming_lists(name, new_name(name));
        if (std::rename(source.c_str(), directory_of(new_name(name)).c_str()) < 0) {
            auto failed = fail_errno("rename " + source);
            remove_lists(new_name(name));
            return failed;
        }
        rename_lists(name, new_name(name));
    }
    return {};
}

}  // namespace relais
