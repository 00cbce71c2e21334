// The mailbox of a system user, or whatever mailbox_transport, mailbox_command and home_mailbox put
// in its place.
#include <cerrno>

#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/agent_process.h"
#include "lib/deliver/deliver_pass.h"
#include "lib/store/maildir_delivery.h"
#include "lib/store/mbox_delivery.h"

#include "local/biff.h"
#include "local/expansion.h"

namespace relais::local_agent {

namespace {

// Who makes files in the spool directory: root, or where everybody may write, the user.
Result<FileOwner> spool_identity(const std::string& directory, FileOwner user) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) {
        return fail_errno("destination spool " + directory);
    }
    if ((status.st_mode & S_IWOTH) != 0) {
        return user;
    }
    return FileOwner{0, status.st_gid};
}

// What keeps a mailbox from being written returns the mail, as with Postfix, unless it passes by
// itself: a lock, a full or failing disk (mailbox_failure()).
DsnCode obstacle_code(const Error& error) {
    bool unsafe = error.code == Errc::kCorrupt || error.code == Errc::kDenied;
    bool passes = error.code == Errc::kTemporary || (error.sys_errno == 0 && !unsafe);
    return passes ? DsnCode(4, 2, 0) : DsnCode(5, 2, 0);
}

bool same(FileOwner a, FileOwner b) {
    return a.uid == b.uid && a.gid == b.gid;
}

}  // namespace

DeliveryStatus Expansion::into_maildir(MessageCopy copy, const std::string& path, FileOwner owner) {
    copy.additions = copy_addition::kMaildir;
    MaildirTarget target;
    target.directory = path;
    target.host = agent_.host;
    target.storage = storage_setting();
    ContentWriter content = content_of(delivery_, std::move(copy));
    ActingAs user(*agent_.identity, owner);
    target.directory_sync = maildir_sync(path);
    auto delivered = deliver_maildir(target, content);
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to maildir");
    }
    const Error& error = delivered.error();
    if (error.sys_errno == EACCES) {
        log_warning("maildir access problem for UID/GID={}/{}: {}", owner.uid, owner.gid,
                    error.message);
        log_warning("perhaps you need to create the maildirs in advance");
    }
    return mailbox_failure(error, "maildir delivery failed: ", obstacle_code(error));
}

DeliveryStatus Expansion::into_user_mbox(const Branch& branch, const User& user) {
    MboxTarget target = agent_.mbox_options;
    FileOwner maker = user.ids;
    if (!conf().home_mailbox().empty()) {
        target.path = user.home + "/" + conf().home_mailbox();
    } else {
        target.path = conf().mail_spool_directory() + "/" + branch.user;
        auto spool = spool_identity(conf().mail_spool_directory(), user.ids);
        maker = spool.value_or(user.ids);
    }
    target.kind = MboxKind::kRegularFile;
    FileIdentity& identity = *agent_.identity;
    if (identity.privileged() && !same(maker, user.ids)) {
        target.owner = user.ids;
    }
    if (conf().strict_mailbox_ownership() && identity.privileged()) {
        target.must_belong_to = user.ids.uid;
    }
    // The file is made and locked as who may do so there, and written as the user, so that quotas
    // hold.
    ContentWriter copy =
        content_of(delivery_, copy_for(branch, copy_addition::kMbox, kHeaderForFiles));
    std::int64_t begins_at = 0;
    auto content = [&](FileSink& to) {
        begins_at = to.position();
        identity.become(user.ids);
        auto copied = copy(to);
        auto flushed = copied ? to.finish() : copied;
        identity.become(maker);
        return flushed;
    };
    ActingAs acting(identity, maker);
    auto delivered = deliver_mbox(target, content);
    if (delivered) {
        if (conf().biff()) {
            announce_mail(branch.user, begins_at);
        }
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to mailbox");
    }
    const Error& error = delivered.error();
    bool foreign = error.code == Errc::kDenied && target.must_belong_to &&
                   error.message.ends_with("is not owned by recipient");
    if (foreign) {
        log_warning(
            "specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership "
            "mismatch");
    }
    return mailbox_failure(
        error, format("cannot update mailbox {} for user {}. ", target.path, branch.user),
        foreign ? DsnCode(4, 2, 0) : obstacle_code(error));
}

// mailbox_transport_maps and mailbox_transport.
Task<std::optional<Disposition>> Expansion::pass_mailbox(Branch branch) {
    Lookup found = agent_.mailbox_transports.find(branch.user);
    if (found.is_error()) {
        DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 3, 0), "table lookup failure");
        Disposition deferred = co_await finish(&branch, std::move(status));
        co_return deferred;
    }
    std::string destination =
        found.is_found() ? std::move(found).value() : conf().mailbox_transport();
    if (destination.empty()) {
        co_return std::nullopt;
    }
    Disposition passed = co_await deliver_pass(&delivery_, std::move(destination), branch.rcpt);
    co_return passed;
}

Task<std::optional<Disposition>> Expansion::deliver_mailbox(Branch branch) {
    if (seen("mailbox " + branch.local)) {
        co_return Disposition::kDone;
    }
    if (!conf().frozen_delivered_to()) {
        branch.delivered = branch.rcpt.address;
    }
    auto passed = co_await pass_mailbox(branch);
    if (passed) {
        co_return passed;
    }
    auto user = accounts_.find(branch.user);
    if (!user) {
        Disposition deferred = co_await defer_unknown_user(&branch, std::move(user.error()));
        co_return deferred;
    }
    if (!*user) {
        co_return std::nullopt;
    }
    branch.rights = **user;
    Disposition done = co_await deliver_to_user(std::move(branch));
    co_return done;
}

Task<Disposition> Expansion::deliver_to_user(Branch branch) {
    Lookup command = agent_.mailbox_commands.find(branch.user);
    if (command.is_error()) {
        DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 3, 0), "table lookup failure");
        co_return co_await finish(&branch, std::move(status));
    }
    std::string program = command.is_found() ? command.value() : conf().mailbox_command();
    if (!program.empty()) {
        co_return co_await deliver_command(std::move(branch), std::move(program));
    }
    const User& user = *branch.rights;
    std::string maildir;
    if (conf().home_mailbox().ends_with('/')) {
        maildir = user.home + "/" + conf().home_mailbox();
    } else if (conf().mail_spool_directory().ends_with('/')) {
        maildir = conf().mail_spool_directory() + branch.user + "/";
    }
    DeliveryStatus status;
    if (delivery_.is_probe()) {
        status = DeliveryStatus::of(
            DsnCode(2, 0, 0), maildir.empty() ? "delivers to mailbox" : "delivers to maildir");
    } else if (!maildir.empty()) {
        status = into_maildir(copy_for(branch, copy_addition::kMaildir, kHeaderForFiles), maildir,
                              user.ids);
    } else {
        status = into_user_mbox(branch, user);
    }
    co_return co_await finish(&branch, std::move(status));
}

}  // namespace relais::local_agent
