#include "local/job.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/pass.h"

namespace relais::local_agent {

namespace {

constexpr int kMostLevels = 100;
constexpr std::string_view kRelay = "local";

}  // namespace

Job::Job(Site* site, Delivery* delivery, const std::set<std::string>* loops, Recipient recipient)
    : site_(site),
      delivery_(delivery),
      loops_(loops),
      top_(recipient),
      forwarder_(delivery, recipient.address) {
}

Task<Disposition> Job::run() {
    Address address;
    address.recipient = top_;
    address.sender = delivery_->request.sender;
    if (loops_->contains(lowercase(top_.address))) {
        split_recipient(address);
        co_return co_await fail_with(
            &address,
            DeliveryStatus::of(DsnCode(5, 4, 6), "mail forwarding loop for " + top_.address));
    }
    Disposition delivered = co_await deliver_address(std::move(address));
    Disposition forwarded = co_await forwarder_.finish(top_);
    co_return both(delivered, forwarded);
}

Task<Disposition> Job::succeed(const Address* address, DeliveryStatus status) {
    return report_sent(
        delivery_->event(address->recipient, std::move(status), std::string(kRelay)));
}

// Mail that an owner- alias answers for is returned to that owner.
Task<Disposition> Job::fail_with(const Address* address, DeliveryStatus status) {
    bool permanent = status.code().permanent();
    DeliveryEvent event =
        delivery_->event(address->recipient, std::move(status), std::string(kRelay));
    if (!permanent || address->owner.empty() || address->owner == delivery_->request.sender) {
        return report_failed(std::move(event));
    }
    BounceMessage message{.queue_name = delivery_->request.queue_name,
                          .encoding = delivery_->request.encoding,
                          .sendopts = delivery_->request.sendopts,
                          .sender = address->owner,
                          .envelope_id = delivery_->request.envelope_id,
                          .ret_flags = delivery_->request.ret_flags};
    return report_bounced_to(std::move(event), std::move(message));
}

Task<Disposition> Job::end(const Address* address, DeliveryStatus status) {
    return status.code().success() ? succeed(address, std::move(status))
                                   : fail_with(address, std::move(status));
}

Task<Disposition> Job::deliver_address(Address address) {
    if (address.level > kMostLevels) {
        log_warning("possible alias database loop for {}", address.recipient.address);
        co_return co_await fail_with(
            &address, DeliveryStatus::of(DsnCode(5, 4, 6), "possible alias database loop for " +
                                                               address.recipient.address));
    }
    split_recipient(address);
    // A duplicate needs no second delivery; a loop must not pass for one.
    bool expanding = std::ranges::find(address.aliases, address.local) != address.aliases.end();
    if (!expanding &&
        seen("recipient " + lowercase(address.recipient.address) + " " + address.expanding)) {
        co_return Disposition::kDone;
    }
    if (address.mailbox_only || address.local.starts_with('\\')) {
        co_return co_await deliver_past_aliases(&address);
    }
    auto by_full_name = co_await try_alias(&address, address.local);
    if (by_full_name) {
        co_return *by_full_name;
    }
    if (!address.extension.empty()) {
        auto by_user = co_await try_alias(&address, address.user);
        if (by_user) {
            co_return *by_user;
        }
    }
    bool by_user = address.source == Source::kForward && !iequals(address.expanding, address.user);
    if (address.level > 0 && (by_user || !address.owner.empty())) {
        co_return co_await send_on(&address);
    }
    co_return co_await deliver_user(&address);
}

// "\user": the mailbox, whatever aliases and .forward say.
Task<Disposition> Job::deliver_past_aliases(Address* address) {
    if (address->recipient.address.starts_with('\\')) {
        address->recipient.address.erase(0, 1);
    }
    split_recipient(*address);
    address->mailbox_only = true;
    return deliver_user(address);
}

Task<Disposition> Job::deliver_user(Address* address) {
    auto account = find_account(address->user);
    if (!account) {
        co_return co_await fail_with(address,
                                     DeliveryStatus::of(DsnCode(4, 3, 0), account.error().message));
    }
    if (*account && !address->mailbox_only) {
        auto forwarded = co_await try_forward_files(address, &**account);
        if (forwarded) {
            co_return *forwarded;
        }
    }
    auto passed =
        co_await try_transport(address, &site_->mailbox_transports, conf().mailbox_transport());
    if (passed) {
        co_return *passed;
    }
    if (!*account) {
        co_return co_await deliver_unknown(address);
    }
    if (seen("mailbox " + address->user)) {
        co_return Disposition::kDone;
    }
    co_return co_await deliver_mailbox(address, &**account);
}

Task<Disposition> Job::deliver_unknown(Address* address) {
    auto passed =
        co_await try_transport(address, &site_->fallback_transports, conf().fallback_transport());
    if (passed) {
        co_return *passed;
    }
    const std::string& relay = conf().luser_relay();
    if (!relay.empty() && !seen("luser_relay " + address->local)) {
        Address catch_all = *address;
        catch_all.source = Source::kRequest;
        std::string text = expand_path(relay, *address, nullptr, "");
        co_return co_await deliver_text(&catch_all, std::move(text));
    }
    // Names that every mail system must have.
    if (address->user == "postmaster" || address->user == "mailer-daemon") {
        log_warning("required alias not found: {}", address->user);
        co_return co_await succeed(address, DeliveryStatus::of(DsnCode(2, 0, 0), "discarded"));
    }
    co_return co_await fail_with(
        address,
        DeliveryStatus::of(DsnCode(5, 1, 1), format("unknown user: \"{}\"", address->user)));
}

}  // namespace relais::local_agent
