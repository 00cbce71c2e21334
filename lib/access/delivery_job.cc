#include "lib/access/delivery_job.h"

#include <cerrno>
#include <optional>

#include "lib/access/mbox_drop.h"
#include "lib/access/user.h"
#include "lib/access/worker.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/utf7.h"

namespace relais {

namespace {

using Kind = DeliveryResult::Kind;

constexpr std::string_view kInbox = "INBOX";

char separator() {
    return conf().imap_hierarchy_separator().front();
}

Result<MailLocation> location_of(const WorkerIdentity& who) {
    return mail_location_of(who.mail.empty() ? conf().imap_mail_location() : who.mail, who.user,
                            who.home);
}

DeliveryResult trouble(const Error& error) {
    switch (error.sys_errno) {
        case ENOSPC:
            return {Kind::kDiskFull, error.message};
        case EDQUOT:
            return {Kind::kOverQuota, error.message};
        default:
            return {Kind::kTrouble, error.message};
    }
}

bool takes_a_copy(const Error& error) {
    return error.sys_errno == EXDEV || error.sys_errno == EMLINK || error.sys_errno == EPERM ||
           error.sys_errno == ENOENT || error.sys_errno == EEXIST;
}

}  // namespace

// Makes the folder where that is wanted; why there is none, or nothing.
std::string DeliveryJob::make_folder(MailTree& tree, const std::string& name) {
    if (!conf().lmtpd_mailbox_autocreate()) {
        return "Mailbox doesn't exist: " + name;
    }
    auto ready = tree.prepare();
    auto made = ready ? tree.create(name) : ready;
    if (made) {
        made_.push_back({tree.subscriptions_path(), tree.disk_names(), name});
    }
    // Another delivery may have been quicker.
    return made || made.error().sys_errno == EEXIST ? "" : made.error().message;
}

// The extension is UTF-8, or what the sender took for it.  What cannot be a folder is none: the
// mail is for the user all the same.
std::string DeliveryJob::mailbox_for(const DeliveryRecipient& recipient, MailTree& tree) {
    if (recipient.folder.empty() || !conf().lmtpd_save_to_detail_mailbox()) {
        return std::string(kInbox);
    }
    auto encoded = imap::utf8_to_utf7(recipient.folder);
    std::string wanted = encoded ? tree.canonical(*encoded) : "";
    std::string why = encoded ? tree.invalid_because(wanted) : "not in UTF-8";
    if (why.empty() && wanted != kInbox && !tree.exists(wanted)) {
        why = make_folder(tree, wanted);
    }
    if (why.empty()) {
        return wanted;
    }
    notes_.push_back(format("user {}: save failed to open mailbox {}: {}",
                            printable(recipient.identity.user), printable(recipient.folder),
                            printable(why)));
    return std::string(kInbox);
}

Result<DeliveryPlace> DeliveryJob::place_for(const DeliveryRecipient& recipient, MailTree& tree) {
    std::string name = mailbox_for(recipient, tree);
    auto ready = tree.prepare(name);
    if (!ready) {
        return fail_with(ready);
    }
    MailboxPlace place = tree.place_of(name);
    DeliveryPlace found;
    found.mailbox = name;
    found.format = tree.location().format;
    found.target.directory = place.directory;
    found.target.host = place.host;
    found.target.directory_sync = DirectorySync::kNo;
    found.target.sizes = format(",S={},W={}", order_.size, order_.wire_size);
    found.target.file_mode = place.file_mode;
    found.target.storage = place.storage;
    found.target.size_root = place.root;
    found.place = std::move(place);
    return found;
}

Result<DeliveredFile> DeliveryJob::put(const MaildirTarget& target) {
    for (const Placed& other : placed_) {
        auto linked = deliver_maildir_link(target, other.file);
        if (linked || !takes_a_copy(linked.error())) {
            return linked;
        }
        break;  // the next one will not do either
    }
    int message = message_;
    std::int64_t size = order_.size;
    return deliver_maildir(target, [message, size](FileSink& sink) {
        sink.write_file(message, static_cast<std::uint64_t>(size));
        return Result<void>();
    });
}

// What is in a Maildir has to be synced yet (sync()).
Result<void> DeliveryJob::save(const DeliveryPlace& place, std::size_t index) {
    if (place.format == MailFormat::kMbox) {
        return drop_into_mbox(place.place, message_, static_cast<std::uint64_t>(order_.size));
    }
    auto file = put(place.target);
    if (!file) {
        return fail_with(file);
    }
    placed_.push_back({index, place.target, std::move(*file)});
    return {};
}

DeliveryResult DeliveryJob::deliver(const DeliveryRecipient& recipient, std::size_t index) {
    auto allowed = check_mail_places(recipient.identity);
    auto rules = quota_rules_of(recipient.identity.quota_rules);
    if (!allowed || !rules) {
        return {Kind::kTrouble, allowed ? rules.error().message : allowed.error().message};
    }
    auto location = location_of(recipient.identity);
    if (!location) {
        return {Kind::kTrouble, location.error().message};
    }
    auto tree = make_mail_tree(std::move(*location), separator(), conf().myhostname());
    tree->set_storage(storage_setting());
    std::optional<DeliveryPlace> place;
    if (!order_.check_only) {
        auto found = place_for(recipient, *tree);
        if (!found) {
            return trouble(found.error());
        }
        place = std::move(*found);
    }
    std::string_view mailbox = place ? std::string_view(place->mailbox) : kInbox;
    MailQuota quota(settings_, std::move(*rules), *tree);
    const bool limited = quota.limited() && tree->location().format == MailFormat::kMaildir;
    QuotaAmount before;
    QuotaAmount more{order_.size, 1};
    if (limited) {
        auto usage = quota.usage();
        if (!usage) {
            return trouble(usage.error());
        }
        before = *usage;
        QuotaVerdict verdict = quota.judge(before, mailbox, more, Grace::kAllowed);
        if (verdict != QuotaVerdict::kFits) {
            return {verdict == QuotaVerdict::kOver ? Kind::kOverQuota : Kind::kTooLarge, ""};
        }
    }
    if (!place) {
        return {Kind::kSaved, std::string(mailbox)};
    }
    place->target.counted = quota.counts(mailbox);
    auto saved = save(*place, index);
    if (!saved) {
        return trouble(saved.error());
    }
    if (limited && place->target.counted) {
        QuotaAmount after = before;
        auto argv = quota.warning(before, after += more);
        if (!argv.empty()) {
            warnings_.push_back({std::move(argv), recipient.identity.user});
        }
    }
    return {Kind::kSaved, std::string(mailbox)};
}

void DeliveryJob::sync(std::size_t first, std::size_t step) {
    for (std::size_t i = first; i < placed_.size(); i += step) {
        const Placed& placed = placed_[i];
        auto synced = sync_delivery(placed.target, placed.file);
        if (!synced) {
            results_[placed.recipient] = trouble(synced.error());
        }
    }
}

void DeliveryJob::run() {
    for (std::size_t i = 0; i < order_.recipients.size(); ++i) {
        results_.push_back(deliver(order_.recipients[i], i));
    }
    if (placed_.size() == 1) {
        sync(0, 1);
    }
}

}  // namespace relais
