// virtual(8): delivers to the mailboxes of virtual domains: Maildirs and mbox files that
// virtual_mailbox_maps names, as the users that virtual_uid_maps and virtual_gid_maps name.  Called
// by qmgr, one request at a time, since the process takes on each mailbox's identity.  It runs as
// root, reads queue files as mail_owner, and is never chrooted.
//
//   mailbox.h       where to, and as whom
//   together.h      several recipients' files, synced together
//   here            the delivery, and what is reported
#include <algorithm>
#include <span>
#include <vector>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/agent_process.h"
#include "lib/deliver/delivery.h"
#include "lib/deliver/identity.h"
#include "lib/deliver/message_copy.h"
#include "lib/deliver/status_filter.h"
#include "lib/maps/shared_tables.h"
#include "lib/store/mbox_delivery.h"

#include "virtual/mailbox.h"
#include "virtual/together.h"

using namespace relais;
using namespace relais::virtual_agent;

namespace {

// What became of each recipient; nothing yet of those whose mailbox is an mbox.
using Outcomes = std::vector<std::optional<DeliveryStatus>>;

class VirtualDaemon : public Daemon {
  public:
    VirtualDaemon() : mbox_options_(mbox_options_from(conf().virtual_mailbox_lock())) {}

    void before_jail() override;
    void after_jail() override;

    Task<void> serve(Connection connection) override {
        auto deliver = [this](Delivery* delivery) { return deliver_all(delivery); };
        co_await serve_delivery(std::move(connection.fd), deliver);
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    static MboxTarget mbox_options_from(const std::string& locks);
    [[nodiscard]] Task<void> deliver_all(Delivery* delivery);
    [[nodiscard]] Task<void> deliver_some(Delivery* delivery,
                                          std::span<const Recipient> recipients);
    [[nodiscard]] Task<Outcomes> put_away(Delivery* delivery, std::span<const Recipient> recipients,
                                          std::vector<PreparedDelivery>* prepared);
    std::vector<PreparedDelivery> look_up(std::span<const Recipient> recipients) const;
    void write(Delivery& delivery, std::span<const Recipient> recipients,
               std::vector<PreparedDelivery>& prepared, ActingAs& user);
    DeliveryStatus finish(Delivery& delivery, const Recipient& recipient,
                          PreparedDelivery& prepared, ActingAs& user);
    Outcomes finish(Delivery& delivery, std::span<const Recipient> recipients,
                    std::vector<PreparedDelivery>& prepared, ActingAs& user);
    DeliveryStatus finish_alone(Delivery& delivery, const Recipient& recipient,
                                PreparedDelivery& prepared);
    DeliveryStatus into_maildir(const Mailbox& mailbox, MaildirDelivery& maildir);
    DeliveryStatus into_mbox(const Mailbox& mailbox, const ContentWriter& content);

    MboxTarget mbox_options_;
    std::optional<MailboxMaps> maps_;
    std::optional<FileIdentity> identity_;
    std::string host_;
};

MboxTarget VirtualDaemon::mbox_options_from(const std::string& locks) {
    MboxTarget options;
    auto parsed = parse_mailbox_locks("virtual_mailbox_lock", locks);
    if (!parsed) {
        log_fatal("{}", parsed.error().message);
    }
    if (!parsed->any()) {
        log_fatal("parameter virtual_mailbox_lock specifies no applicable mailbox locking method");
    }
    options.locks = *parsed;
    options.patience.attempts = conf().deliver_lock_attempts();
    options.patience.delay = conf().deliver_lock_delay();
    options.patience.stale = conf().stale_lock_time();
    options.kind = MboxKind::kRegularFile;
    return options;
}

void VirtualDaemon::before_jail() {
    use_status_filter("virtual_delivery_status_filter", conf().virtual_delivery_status_filter());
    check_mailbox_limit("virtual_mailbox_limit", conf().virtual_mailbox_limit());
    limit_file_size(conf().virtual_mailbox_limit());
    maps_.emplace();
    host_ = system_host_name();
}

void VirtualDaemon::after_jail() {
    identity_.emplace(mail_owner_ids(conf().mail_owner()));
}

DeliveryStatus VirtualDaemon::into_maildir(const Mailbox& mailbox, MaildirDelivery& maildir) {
    auto delivered = maildir.finish();
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to maildir");
    }
    const Error& error = delivered.error();
    if (error.sys_errno == EACCES) {
        log_warning("maildir access problem for UID/GID={}/{}: {}", mailbox.owner.uid,
                    mailbox.owner.gid, error.message);
        log_warning("perhaps you need to create the maildirs in advance");
    }
    return mailbox_failure(error, "maildir delivery failed: ", DsnCode(4, 2, 0));
}

DeliveryStatus VirtualDaemon::into_mbox(const Mailbox& mailbox, const ContentWriter& content) {
    MboxTarget target = mbox_options_;
    target.path = mailbox.path;
    bool strict = conf().strict_mailbox_ownership() && identity_->privileged();
    if (strict) {
        target.must_belong_to = mailbox.owner.uid;
    }
    auto delivered = deliver_mbox(target, content);
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to mailbox");
    }
    const Error& error = delivered.error();
    bool unsuitable = error.code == Errc::kCorrupt && error.sys_errno == 0;
    DsnCode otherwise = unsuitable ? DsnCode(5, 2, 0) : DsnCode(4, 2, 0);
    return mailbox_failure(error, format("delivery failed to mailbox {}: ", mailbox.path),
                           otherwise);
}

MessageCopy copy_for(const Delivery& delivery, const Recipient& recipient, unsigned additions) {
    MessageCopy copy;
    copy.sender = delivery.request.sender;
    copy.original_to = recipient.original;
    copy.delivered_to = recipient.address;
    copy.additions = additions;
    copy.when = delivery.times.agent_handoff.tv_sec;
    return copy;
}

std::vector<PreparedDelivery> VirtualDaemon::look_up(std::span<const Recipient> recipients) const {
    std::vector<PreparedDelivery> prepared;
    prepared.reserve(recipients.size());
    for (const Recipient& recipient : recipients) {
        prepared.push_back({.mailbox = maps_->find(recipient.address)});
    }
    return prepared;
}

// What goes into Maildirs; nobody sees it yet.
void VirtualDaemon::write(Delivery& delivery, std::span<const Recipient> recipients,
                          std::vector<PreparedDelivery>& prepared, ActingAs& user) {
    std::optional<SharedCopy> shared;
    for (std::size_t i = 0; i < recipients.size() && !delivery.is_probe(); ++i) {
        const auto& mailbox = prepared[i].mailbox;
        if (mailbox && mailbox->is_maildir()) {
            user.become(mailbox->owner);
            if (!shared && recipients.size() > 1) {
                shared.emplace(delivery, copy_addition::kMaildir);
            }
            MaildirTarget target{
                .directory = mailbox->path,
                .host = host_,
                .directory_sync = maildir_sync(mailbox->path),
                .storage = storage_setting(),
            };
            auto copy = copy_for(delivery, recipients[i], copy_addition::kMaildir);
            prepared[i].maildir.emplace(std::move(target),
                                        shared ? shared->content_for(std::move(copy))
                                               : content_of(delivery, std::move(copy)));
        }
    }
}

DeliveryStatus VirtualDaemon::finish(Delivery& delivery, const Recipient& recipient,
                                     PreparedDelivery& prepared, ActingAs& user) {
    const auto& mailbox = prepared.mailbox;
    if (!mailbox) {
        return mailbox.error();
    }
    if (delivery.is_probe()) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), mailbox->is_maildir() ? "delivers to maildir"
                                                                          : "delivers to mailbox");
    }
    user.become(mailbox->owner);
    if (prepared.maildir) {
        return into_maildir(*mailbox, *prepared.maildir);
    }
    auto copy = copy_for(delivery, recipient, copy_addition::kMbox);
    return into_mbox(*mailbox, content_of(delivery, std::move(copy)));
}

// Mboxes are left out: each may have to wait for its lock, and who has got his message must not
// get it again because this process was ended meanwhile.
Outcomes VirtualDaemon::finish(Delivery& delivery, std::span<const Recipient> recipients,
                               std::vector<PreparedDelivery>& prepared, ActingAs& user) {
    Outcomes outcomes(recipients.size());
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        const auto& mailbox = prepared[i].mailbox;
        if (delivery.is_probe() || !mailbox || mailbox->is_maildir()) {
            outcomes[i] = finish(delivery, recipients[i], prepared[i], user);
        }
    }
    return outcomes;
}

DeliveryStatus VirtualDaemon::finish_alone(Delivery& delivery, const Recipient& recipient,
                                           PreparedDelivery& prepared) {
    ActingAs user(*identity_);
    return finish(delivery, recipient, prepared, user);
}

// A change of identity costs as much as a small file: what is done as mail_owner (tables, the log,
// other services) comes before and after what is done as the mailboxes' owners.
Task<Outcomes> VirtualDaemon::put_away(Delivery* delivery, std::span<const Recipient> recipients,
                                       std::vector<PreparedDelivery>* prepared) {
    if (recipients.size() == 1) {
        ActingAs user(*identity_);
        write(*delivery, recipients, *prepared, user);
        co_return finish(*delivery, recipients, *prepared, user);
    }
    {
        ActingAs user(*identity_);
        write(*delivery, recipients, *prepared, user);
    }
    co_await sync_together(prepared);
    ActingAs user(*identity_);
    co_return finish(*delivery, recipients, *prepared, user);
}

Task<void> VirtualDaemon::deliver_some(Delivery* delivery, std::span<const Recipient> recipients) {
    std::vector<PreparedDelivery> prepared = look_up(recipients);
    Outcomes outcomes = co_await put_away(delivery, recipients, &prepared);
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        DeliveryStatus status = outcomes[i] ? std::move(*outcomes[i])
                                            : finish_alone(*delivery, recipients[i], prepared[i]);
        if (status.code().success()) {
            co_await delivery->sent(recipients[i], std::move(status), process_info().service_name);
        } else {
            co_await delivery->failed(recipients[i], std::move(status),
                                      process_info().service_name);
        }
    }
}

Task<void> VirtualDaemon::deliver_all(Delivery* delivery) {
    std::span<const Recipient> left = delivery->request.recipients;
    while (!left.empty()) {
        auto some = left.first(std::min(left.size(), kTogether));
        left = left.subspan(some.size());
        co_await deliver_some(delivery, some);
    }
}

}  // namespace

// Queue files as mail_owner, mailboxes as their owners: tables, and links in mailboxes, may lead
// out of virtual_mailbox_base.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "/"}},
    .calls = {ExtraCalls::kIdentity},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "virtual";
    traits.privilege = Privilege::kRoot;
    traits.most_sessions = 1;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<VirtualDaemon>(); });
}
