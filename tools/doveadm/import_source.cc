#include "tools/doveadm/import_source.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include <stdlib.h>

#include "lib/base/format.h"
#include "lib/store/maildir_tree.h"
#include "lib/sync/imap_replica.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/mail_command.h"

namespace relais::doveadm {

namespace {

constexpr std::chrono::seconds kPatience{600};

bool is_imap(std::string_view location) {
    return location == "imapc" || location.starts_with("imapc:");
}

}  // namespace

ImportSource::~ImportSource() {
    user_.reset();
    if (!directory_.empty()) {
        std::error_code ignored;  // the copies are made, or have failed by themselves
        std::filesystem::remove_all(directory_, ignored);
    }
}

Result<void> ImportSource::check(const std::string& location, const Settings& settings) {
    if (is_imap(location)) {
        auto account = imap_account(settings, "user", kPatience);
        return account ? Result<void>() : fail_with(account);
    }
    auto meant = parse_mail_location(location, "user", "/");
    return meant || meant.error().code == Errc::kNotFound ? Result<void>() : fail_with(meant);
}

Reach ImportSource::reach_of(const std::string& location) {
    return is_imap(location) ? Reach::kServers : Reach::kNone;
}

Task<Result<void>> ImportSource::open(const User& whose, const std::string& location,
                                      const Settings& settings, const Query& query) {
    if (!is_imap(location)) {
        user_ = open_place(whose, location);
        co_return user_->prepare();
    }
    auto account = imap_account(settings, whose.name(), kPatience);
    std::string directory = format("{}/{}.import.XXXXXX", here_.root(), MaildirTree::kTrash);
    if (!account || ::mkdtemp(directory.data()) == nullptr) {
        co_return account ? fail(Errc::kTemporary,
                                 format("mkdtemp({}) failed: {}", directory, std::strerror(errno)))
                          : fail_with(account);
    }
    directory_ = directory;
    user_ = open_place(here_, "maildir:" + directory_);
    auto ready = user_->prepare();
    if (ready) {
        ready = co_await bring(std::move(*account), &query);
    }
    co_return ready;
}

Task<Result<void>> ImportSource::bring(ImapAccount account, const Query* query) {
    const User& user = *user_;
    SyncScope scope;
    scope.mailboxes = [query, &user](const std::string& mailbox) {
        std::string name = mailbox;
        std::ranges::replace(name, '.', user.separator());
        return !query->mailboxes(user, {name}).empty();
    };
    ImapReplica server(std::move(account));
    LocalReplica copy(*user_);
    Synchronizer synchronizer(server, copy, SyncMode::kMirror, std::move(scope), nullptr);
    auto done = co_await synchronizer.run();
    troubles_ = synchronizer.troubles();
    co_return done;
}

}  // namespace relais::doveadm
