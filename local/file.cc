// /file/name and ~/file: mail appended to a file, or put into a Maildir where it ends in "/".
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/store/mbox_delivery.h"

#include "local/expansion.h"

namespace relais::local_agent {

Task<Disposition> Expansion::deliver_home_file(Branch branch, std::string path) {
    if (!path.starts_with("~/")) {
        log_warning("bad home directory syntax for: {}", path);
        co_return co_await configuration_error(&branch);
    }
    if (!branch.rights || branch.rights->home.empty()) {
        log_warning("unknown home directory for: {}", path);
        co_return co_await configuration_error(&branch);
    }
    std::string full = branch.rights->home + path.substr(1);
    co_return co_await deliver_file(std::move(branch), std::move(full));
}

DeliveryStatus Expansion::into_file(MessageCopy copy, const std::string& path, FileOwner owner) {
    copy.additions = copy_addition::kMbox;
    MboxTarget target = agent_.mbox_options;
    target.path = path;
    target.dotlock_failure = DotLockFailure::kWarn;
    target.executables = ExecutableFiles::kRefused;
    ContentWriter content = content_of(delivery_, std::move(copy));
    ActingAs user(*agent_.identity, owner);
    auto delivered = deliver_mbox(target, content);
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to file: " + path);
    }
    const Error& error = delivered.error();
    DsnCode otherwise(5, 2, 0);
    if (error.code == Errc::kTemporary) {
        otherwise = DsnCode(4, 2, 0);
    } else if (error.code == Errc::kCorrupt) {
        otherwise = DsnCode(5, 7, 1);
    }
    return mailbox_failure(error, format("cannot append message to file {}: ", path), otherwise);
}

Task<Disposition> Expansion::deliver_file(Branch branch, std::string path) {
    FileOwner rights = rights_of(branch);
    if (seen(format("file {} {}", rights.uid, path))) {
        co_return Disposition::kDone;
    }
    DeliveryStatus status;
    bool allowed = (agent_.files_from & branch.source) != 0;
    if (!allowed) {
        status = DeliveryStatus::of(DsnCode(5, 7, 1), "mail to file is restricted");
    } else if (delivery_.is_probe()) {
        status = DeliveryStatus::of(DsnCode(2, 0, 0), "delivers to file: " + path);
    } else {
        MessageCopy copy = copy_for(branch, copy_addition::kMbox, kHeaderForFiles);
        status = path.ends_with('/') ? into_maildir(std::move(copy), path, rights)
                                     : into_file(std::move(copy), path, rights);
    }
    co_return co_await finish_for_owner(&branch, std::move(status));
}

}  // namespace relais::local_agent
