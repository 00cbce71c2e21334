#include "lib/store/mail_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/uid_validity.h"

namespace relais {

namespace {

constexpr std::string_view kTrash = ".DOVECOT-TRASHED";  // what Dovecot calls it, and skips
constexpr std::size_t kMaxName = 240;

bool is_directory(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::unexpected<Error> denied(int reason, std::string text) {
    return std::unexpected(Error{Errc::kDenied, std::move(text), reason});
}

Result<void> remove_all(const std::string& path) {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    return code ? fail_errno("remove " + path, code.value()) : Result<void>();
}

}  // namespace

MailTree::MailTree(std::string root, char separator, std::string host)
    : root_(std::move(root)), separator_(separator), host_(std::move(host)) {
    while (root_.size() > 1 && root_.ends_with('/')) {
        root_.pop_back();
    }
    struct stat status;
    if (::stat(root_.c_str(), &status) == 0) {
        directory_mode_ = status.st_mode & 0777;
        file_mode_ = status.st_mode & 0666;
    }
}

Result<void> MailTree::make_maildir(const std::string& directory) const {
    for (const char* part : {"/tmp", "/new", "/cur"}) {
        auto made = make_directories(directory + part, directory_mode_);
        if (!made) {
            return made;
        }
    }
    return {};
}

Result<void> MailTree::prepare() {
    if (is_directory(root_ + "/cur") && is_directory(root_ + "/new") &&
        is_directory(root_ + "/tmp")) {
        return {};
    }
    return make_maildir(root_);
}

std::string MailTree::canonical(std::string_view name) const {
    return iequals(name, "INBOX") ? "INBOX" : std::string(name);
}

std::string MailTree::directory_of(std::string_view name) const {
    if (name == "INBOX") {
        return root_;
    }
    std::string level(name);
    std::ranges::replace(level, separator_, '.');
    return root_ + "/." + level;
}

std::string MailTree::name_of(std::string_view directory) const {
    std::string name(directory.substr(1));
    std::ranges::replace(name, '.', separator_);
    return name;
}

std::string MailTree::invalid_because(std::string_view name) const {
    if (name.empty()) {
        return "Name is empty";
    }
    if (name.size() > kMaxName) {
        return "Name is too long";
    }
    if (name.find('/') != std::string_view::npos && separator_ != '/') {
        return "Name must not have '/' characters";
    }
    if (separator_ != '.' && name.find('.') != std::string_view::npos) {
        return "Name must not have '.' characters";
    }
    if (!std::ranges::all_of(name, is_print) ||
        name.find_first_of("*%") != std::string_view::npos) {
        return "Name has characters that are not allowed";
    }
    for (std::string_view level : split_fields(name, separator_)) {
        if (level.empty()) {
            return "Name has an empty level in its hierarchy";
        }
    }
    return directory_of(name) == root_ + "/" + std::string(kTrash) ? "Name is reserved" : "";
}

bool MailTree::exists(std::string_view name) const {
    return invalid_because(name).empty() && is_directory(directory_of(name) + "/cur");
}

bool MailTree::has_children(std::string_view name) const {
    auto all = list();
    std::string prefix = std::string(name) + separator_;
    return all && std::ranges::any_of(*all, [&prefix](const std::string& each) {
               return each.starts_with(prefix);
           });
}

MailboxPlace MailTree::place_of(std::string_view name) const {
    return {directory_of(name), root_, host_, file_mode_};
}

Result<std::vector<std::string>> MailTree::list() const {
    auto entries = list_directory(root_);
    if (!entries) {
        return fail_with(entries);
    }
    std::vector<std::string> names = {"INBOX"};
    for (const std::string& entry : *entries) {
        bool folder = entry.size() > 1 && entry[0] == '.' && entry[1] != '.' && entry != kTrash;
        if (folder && is_directory(root_ + "/" + entry + "/cur")) {
            names.push_back(name_of(entry));
        }
    }
    return names;
}

Result<void> MailTree::create(std::string_view name) {
    std::string directory = directory_of(name);
    if (exists(name)) {
        return denied(EEXIST, "Mailbox already exists");
    }
    auto made = make_maildir(directory);
    if (!made) {
        return made;
    }
    auto marker = open_file(directory + "/maildirfolder", O_WRONLY | O_CREAT, file_mode_);
    if (!marker) {
        return fail_with(marker);
    }
    auto validity = next_uid_validity(root_, file_mode_);
    if (!validity) {
        return fail_with(validity);
    }
    UidList list;
    list.uid_validity = *validity;
    return list.rewrite(directory, file_mode_);
}

Result<void> MailTree::remove(std::string_view name) {
    std::string directory = directory_of(name);
    if (name == "INBOX" || !exists(name)) {
        return denied(ENOENT, "Mailbox doesn't exist");
    }
    // First out of sight in one step, then away.
    std::string trash = root_ + "/" + std::string(kTrash);
    auto cleared = remove_all(trash);
    if (!cleared) {
        return cleared;
    }
    if (std::rename(directory.c_str(), trash.c_str()) < 0) {
        return fail_errno("rename " + directory);
    }
    return remove_all(trash);
}

Result<void> MailTree::rename(std::string_view from, std::string_view to) {
    if (exists(to) || has_children(to)) {
        return denied(EEXIST, "Target mailbox already exists");
    }
    bool itself = exists(from);
    auto all = list();
    if (!all) {
        return fail_with(all);
    }
    std::string prefix = std::string(from) + separator_;
    std::vector<std::string> moved;
    if (itself) {
        moved.emplace_back(from);
    }
    for (const std::string& name : *all) {
        if (name.starts_with(prefix)) {
            moved.push_back(name);
        }
    }
    if (moved.empty()) {
        return denied(ENOENT, "Mailbox doesn't exist");
    }
    for (const std::string& name : moved) {
        std::string target = std::string(to) + name.substr(from.size());
        if (std::rename(directory_of(name).c_str(), directory_of(target).c_str()) < 0) {
            return fail_errno("rename " + directory_of(name));
        }
    }
    return {};
}

}  // namespace relais
