#include "qmgr/router.h"

#include <algorithm>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/queue/queue_file.h"

namespace relais::qmgr {

TransportAndNexthop split_transport(const std::string& text) {
    auto parts = split_first(text, ':');
    if (!parts) {
        return {text, ""};
    }
    return {std::string(parts->first), std::string(parts->second)};
}

Router::Router(Scheduler* scheduler, DirectResolver* resolver)
    : scheduler_(scheduler), resolver_(conf().qmgr_ipc_timeout()), rewriter_(conf()) {
    if (resolver != nullptr) {
        resolver_.use_shortcut([resolver](const std::string& sender, const std::string& address) {
            return resolver->resolve(sender, address);
        });
    }
    for (std::string_view name : split_words(conf().defer_transports(), ", \t\r\n")) {
        defer_transports_.emplace_back(name);
    }
}

Route Router::deferral(const DeliveryStatus& status) const {
    return {std::string(kRetryService), status.status + " " + status.reason, {}};
}

Route Router::refusal(const DeliveryStatus& status) const {
    return {conf().error_service_name(), status.status + " " + status.reason, {}};
}

// content_filter and FILTER: everything goes to the filter, whose next hop defaults to the
// recipient's domain.
Route Router::filter_route(const Message& message, const Recipient& recipient) const {
    auto filter = split_transport(message.envelope.content_filter);
    if (filter.nexthop.empty()) {
        auto parts = split_last(recipient.address, '@');
        filter.nexthop = conf().default_filter_nexthop();
        if (filter.nexthop.empty()) {
            filter.nexthop = parts ? std::string(parts->second) : conf().myhostname();
        }
    }
    return {filter.transport, filter.nexthop, {}};
}

// Bounces of bounces end here, when they are addressed to this machine.
bool Router::is_double_bounce(const Recipient& recipient, const Resolved& resolved) const {
    auto parts = split_last(recipient.address, '@');
    std::string_view local = parts ? parts->first : std::string_view(recipient.address);
    return resolved.address_class() == kResolveLocal &&
           iequals(local, conf().double_bounce_sender());
}

Task<Route> Router::resolve(const Message* message, Recipient* recipient) {
    auto purpose = is_probe(*message) ? ResolveFor::kVerification : ResolveFor::kDelivery;
    auto resolved =
        co_await resolver_.resolve(message->envelope.sender, recipient->address, purpose);
    if (!resolved || resolved->failed()) {
        co_return deferral(DeliveryStatus::of(DsnCode(4, 3, 0), "address resolver failure"));
    }
    if (resolved->bad_address()) {
        co_return refusal(DeliveryStatus::of(DsnCode(5, 1, 3), "bad address syntax"));
    }
    recipient->address = resolved->recipient;
    if (recipient->address.empty()) {
        co_return refusal(DeliveryStatus::of(DsnCode(5, 1, 3), "null recipient address"));
    }
    if (is_double_bounce(*recipient, *resolved)) {
        co_return Route{};
    }
    co_return Route{resolved->transport, resolved->nexthop, {}};
}

// Agents that take one recipient at a time get a queue for each mailbox, so that one slow mailbox
// does not use up the concurrency of its domain.
void Router::name_queue(Route& route, const Recipient& recipient) const {
    route.queue_name = route.nexthop;
    bool is_reporter = route.transport == conf().error_service_name() ||
                       route.transport == std::string(kRetryService);
    if (is_reporter ||
        scheduler_->transport(route.transport).settings().recipients_per_delivery != 1) {
        return;
    }
    std::string_view local = recipient.address;
    if (auto parts = split_last(local, '@')) {
        local = parts->first;
    }
    auto extension = local.find_first_of(conf().recipient_delimiter());
    if (extension != std::string_view::npos && extension > 0) {
        local = local.substr(0, extension);
    }
    route.queue_name = std::string(local) + "@" + route.nexthop;
}

// False: what the new address is in full cannot be told now.
Task<bool> Router::redirect(const Message* message, Recipient* recipient) {
    if (!message->envelope.redirect.empty()) {
        auto address = co_await rewriter_.internal(message->envelope.redirect);
        if (!address) {
            co_return false;
        }
        recipient->address = std::move(*address);
    }
    co_return true;
}

Task<Route> Router::route_of(const Message* message, Recipient* recipient) {
    Route route;
    bool expired = (message->mode & kModeForceExpire) != 0;
    bool known = co_await redirect(message, recipient);
    if (!known) {
        route = deferral(DeliveryStatus::of(DsnCode(4, 3, 0), "address resolver failure"));
    } else if (expired) {
        route =
            deferral(DeliveryStatus::of(DsnCode(4, 7, 0), "message is administratively expired"));
    } else if (message->probe_too_many) {
        route = deferral(
            DeliveryStatus::of(DsnCode(4, 3, 2), "Too many address verification requests"));
    } else if (!message->envelope.content_filter.empty()) {
        route = filter_route(*message, *recipient);
    } else {
        route = co_await resolve(message, recipient);
    }
    if (route.transport.empty()) {
        co_return route;
    }
    bool held = std::ranges::find(defer_transports_, route.transport) != defer_transports_.end();
    if (held && !message->all_transports) {
        route = deferral(DeliveryStatus::of(DsnCode(4, 3, 2), "deferred transport"));
    }
    name_queue(route, *recipient);
    if (message->flush_each) {
        scheduler_->revive(route);
    }
    if (const DeliveryStatus* why = scheduler_->blocked(route)) {
        route = deferral(*why);
        route.queue_name = route.nexthop;
    }
    co_return route;
}

static constexpr int kRoutedAtOnce = 250;

// Recipients of one domain stand together in a request.
template <class R>
static bool by_domain(const R& a, const R& b) {
    auto key = [](const R& recipient) {
        auto parts = split_last(recipient.address, '@');
        std::string_view domain = parts ? parts->second : std::string_view();
        return std::pair(domain, std::string_view(recipient.address));
    };
    return key(a) < key(b);
}

// What a delivery agent would log, for the one delivery that needs no agent.
static void discard_double_bounce(const Message& message, const Recipient& recipient, int file) {
    if (auto marked = mark_recipient_done(file, recipient.offset); !marked) {
        log_warning("{}: {}", message.id, marked.error().message);
    }
    log_info(
        "{}: to=<{}>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (undeliverable "
        "postmaster notification discarded)",
        message.id, recipient.address);
}

Task<std::map<std::string, std::pair<Route, std::vector<Recipient>>>> Router::group(
    MessagePtr message, int file) {
    std::map<std::string, std::pair<Route, std::vector<Recipient>>> groups;
    if (auto& all = message->envelope.recipients;
        !message->envelope.redirect.empty() && all.size() > 1) {
        // One copy goes to the other address, for the whole message.
        all = {*std::ranges::min_element(all, by_domain<QueuedRecipient>)};
        message->envelope.resume_offset = 0;
    }
    int routed = 0;
    for (const QueuedRecipient& queued : message->envelope.recipients) {
        Recipient recipient{.original = queued.original,
                            .address = queued.address,
                            .offset = queued.offset,
                            .dsn_orig_rcpt = queued.dsn_orig_rcpt,
                            .notify = queued.notify};
        Route route = co_await route_of(message.get(), &recipient);
        // Others have their turn while a long list is resolved.
        if (++routed % kRoutedAtOnce == 0) {
            co_await yield();
        }
        message->utf8_recipients = message->utf8_recipients || !is_ascii(recipient.address);
        if (route.transport.empty()) {
            discard_double_bounce(*message, recipient, file);
            continue;
        }
        auto& place = groups[route.transport + '\0' + route.queue_name + '\0' + route.nexthop];
        place.first = route;
        place.second.push_back(std::move(recipient));
    }
    for (auto& [key, place] : groups) {
        std::ranges::sort(place.second, by_domain<Recipient>);
    }
    co_return groups;
}

}  // namespace relais::qmgr
