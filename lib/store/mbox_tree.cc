#include "lib/store/mbox_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/file_kind.h"
#include "lib/store/mbox_mailbox.h"
#include "lib/store/nested_names.h"

namespace relais {

namespace {

constexpr std::string_view kIndexes = ".imap";

// Locks, hidden files: nobody's mail.
bool is_reserved(std::string_view level) {
    return level.front() == '.' || level.ends_with(".lock");
}

void remove_directory(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

}  // namespace

std::string MboxTree::relative(std::string_view name) const {
    return mailbox_to_disk(name, disk_names());
}

std::string MboxTree::file_of(std::string_view name) const {
    if (name == "INBOX") {
        return location_.inbox.empty() ? root() + "/inbox" : location_.inbox;
    }
    return root() + "/" + relative(name);
}

std::string MboxTree::index_of(std::string_view name) const {
    const std::string& top = location_.index.empty() ? root() : location_.index;
    const std::string path = top + "/" + relative(name);
    auto leaf = path.rfind('/');
    return path.substr(0, leaf + 1) + std::string(kIndexes) + path.substr(leaf);
}

std::string MboxTree::unusable_because(std::string_view name) const {
    std::string why = nested_name_trouble(name, disk_names(), is_reserved);
    const bool taken = why.empty() && name != "INBOX" && file_of(name) == file_of("INBOX");
    return taken ? "It is the file of INBOX" : why;
}

std::string MboxTree::invalid_because(std::string_view name) const {
    std::string why = unusable_because(name);
    if (why.empty() && name.front() == '~') {
        return "Begins with '~'";
    }
    // A file has no files in it.
    for (auto at = name.find(separator_); why.empty() && at != std::string_view::npos;
         at = name.find(separator_, at + 1)) {
        if (is_file(file_of(name.substr(0, at)))) {
            return "Mailbox doesn't allow inferior mailboxes";
        }
    }
    return why;
}

Result<void> MboxTree::prepare(std::string_view name) const {
    const std::string file = file_of(name);
    for (const std::string& directory : {root(), files_root(), index_of(name)}) {
        auto made =
            is_directory(directory) ? Result<void>() : make_directories(directory, directory_mode_);
        if (!made) {
            return made;
        }
    }
    if (name == "INBOX" && !is_file(file)) {
        auto fd = open_file(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
        return fd ? sync_name_if_strict(file) : fail_with(fd);
    }
    return {};
}

bool MboxTree::exists(std::string_view name) const {
    return unusable_because(name).empty() && is_file(file_of(name));
}

bool MboxTree::ready(std::string_view name) const {
    return (exists(name) || name == "INBOX") && prepare(name).has_value();
}

std::string MboxTree::files_root() const {
    return control_root() + "/" + std::string(kIndexes);
}

bool MboxTree::may_be_mailbox(std::string_view entry, bool /*directory*/) const {
    return !is_reserved(entry);
}

MailboxPlace MboxTree::place_of(std::string_view name) const {
    MailboxPlace place;
    place.directory = file_of(name);
    place.root = files_root();
    place.host = host_;
    place.file_mode = 0600;
    place.counted = counts(name);
    place.index = index_of(name);
    place.control = place.index;
    place.single_file = true;
    return place;
}

std::unique_ptr<Mailbox> MboxTree::open(std::string_view name) const {
    return std::make_unique<MboxMailbox>(place_of(name));
}

std::vector<std::string> MboxTree::name_directories() const {
    return nested_directories(root(), disk_names(),
                              [](const NestedEntry& entry) { return !is_reserved(entry.level); });
}

Result<MailTree::Listed> MboxTree::look_around() const {
    std::vector<std::string> names;
    auto visit = [&](const NestedEntry& entry) -> Result<Descend> {
        if (is_reserved(entry.level)) {
            return Descend::kNo;
        }
        auto kind = file_kind(entry.path);
        if (!kind) {
            return fail_with(kind);
        }
        if (*kind == FileKind::kFile && entry.path != file_of("INBOX") &&
            !iequals(entry.name, "INBOX")) {
            names.push_back(entry.name);
        }
        return *kind == FileKind::kDirectory ? Descend::kYes : Descend::kNo;
    };
    NestedOutcome seen = visit_nested(root(), disk_names(), visit);
    // Without the directory there is the INBOX.
    if (!seen.root && seen.root.error().sys_errno != ENOENT) {
        return fail_with(seen.root);
    }
    std::ranges::sort(names);
    names.insert(names.begin(), "INBOX");
    return Listed{std::move(names), std::move(seen.below)};
}

Result<void> MboxTree::create(std::string_view name) {
    if (exists(name)) {
        return tree_denial(EEXIST, "Mailbox already exists");
    }
    const std::string file = file_of(name);
    if (is_directory(file)) {
        return tree_denial(EEXIST, "Mailbox exists as a folder of others");
    }
    auto made = make_directories(parent_directory(file), directory_mode_);
    auto fd = made ? open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600) : fail_with(made);
    if (!fd) {
        return fd.error().sys_errno == EEXIST ? tree_denial(EEXIST, "Mailbox already exists")
                                              : fail_with(fd);
    }
    // What an older one has left.
    remove_directory(index_of(name));
    auto synced = sync_name_if_strict(file);
    return synced ? prepare(name) : synced;
}

Result<void> MboxTree::remove(std::string_view name) {
    if (name == "INBOX" || !exists(name)) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    if (::unlink(file_of(name).c_str()) < 0) {
        return fail_errno("remove " + file_of(name));
    }
    remove_directory(index_of(name));
    // Directories that were made for it and hold nothing any more.
    for (std::string up = parent_directory(file_of(name)); up.size() > root().size();
         up = parent_directory(up)) {
        ::rmdir((up + "/" + std::string(kIndexes)).c_str());
        if (::rmdir(up.c_str()) < 0) {
            break;
        }
    }
    return {};
}

Result<void> MboxTree::rename(std::string_view from, std::string_view to) {
    if (!unusable_because(from).empty() || !unusable_because(to).empty()) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    const std::string source = file_of(from);
    const std::string target = file_of(to);
    if (from == "INBOX" || (!is_file(source) && !is_directory(source))) {
        return tree_denial(ENOENT, "Mailbox doesn't exist");
    }
    if (is_file(target) || is_directory(target)) {
        return tree_denial(EEXIST, "Target mailbox already exists");
    }
    const std::string index = index_of(to);
    auto made = make_directories(parent_directory(target), directory_mode_);
    made = made ? make_directories(parent_directory(index), directory_mode_) : made;
    if (!made) {
        return made;
    }
    if (std::rename(source.c_str(), target.c_str()) < 0) {
        return fail_errno("rename " + source);
    }
    remove_directory(index);
    // Without it, the mailbox is read anew.
    std::rename(index_of(from).c_str(), index.c_str());
    return {};
}

}  // namespace relais
