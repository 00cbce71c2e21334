#include "lib/access/delivery_pool.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/access/delivery_helper.h"
#include "lib/base/fd_message.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/sasl/user_variables.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kAuthTime{30};
// A disk that takes longer is away.
constexpr std::chrono::seconds kDeliveryTime{300};
constexpr std::chrono::seconds kRoomTime{60};
constexpr std::chrono::seconds kHousework{5};
constexpr std::chrono::seconds kKeepUnused{30};
constexpr std::size_t kLongestShare = kMaxOrder - 1024;

std::vector<DeliveryResult> all_in_trouble(std::size_t count, const std::string& why) {
    return std::vector<DeliveryResult>(count, {DeliveryResult::Kind::kTrouble, why});
}

}  // namespace

DeliveryPool::DeliveryPool()
    : helper_(&serve_delivery_helper), auth_("private/" + conf().lmtpd_auth_service_name()) {
    use_own_auth(auth_);
    auth_.set_timeout(kAuthTime);
}

Task<Result<UserRecord>> DeliveryPool::find(std::string user) {
    std::string name = expand_user_variables(conf().auth_username_format(), user);
    co_return co_await look_up_recipient(&auth_, std::move(name));
}

Task<Result<UserRecord>> DeliveryPool::find_at(std::string user,
                                               std::optional<SocketAddress> here) {
    std::string name = expand_user_variables(conf().auth_username_format(), user);
    co_return co_await look_up_recipient_at(&auth_, std::move(name), std::move(here));
}

// By owner, and not more than a datagram holds.
std::vector<DeliveryPool::Share> DeliveryPool::shares_of(DeliveryOrder order) {
    std::vector<Share> shares;
    std::map<Owner, std::pair<std::size_t, std::size_t>> open;  // which share, and its bytes
    for (std::size_t i = 0; i < order.recipients.size(); ++i) {
        DeliveryOrder alone = order;
        alone.recipients = {order.recipients[i]};
        std::size_t bytes = alone.serialize().size();
        Owner owner{alone.recipients[0].identity.uid, alone.recipients[0].identity.gid};
        auto& [which, filled] = open[owner];
        if (filled == 0 || filled + bytes > kLongestShare) {
            which = shares.size();
            filled = 0;
            shares.emplace_back();
            shares.back().order = alone;
            shares.back().order.recipients.clear();
        }
        filled += bytes;
        shares[which].order.recipients.push_back(std::move(alone.recipients[0]));
        shares[which].places.push_back(i);
    }
    return shares;
}

Task<std::vector<DeliveryResult>> DeliveryPool::carry_out(DeliveryOrder order, int message) {
    if (order.recipients.size() == 1) {
        co_return co_await ask(std::move(order), message);
    }
    std::vector<DeliveryResult> results(order.recipients.size());
    std::vector<Share> shares = shares_of(std::move(order));
    TaskGroup group;
    for (Share& share : shares) {
        group.spawn(carry_out_share(&share, message, &results));
    }
    co_await group.join_or_close();
    co_return results;
}

Task<void> DeliveryPool::carry_out_share(Share* share, int message,
                                         std::vector<DeliveryResult>* results) {
    auto own = co_await ask(std::move(share->order), message);
    for (std::size_t i = 0; i < own.size(); ++i) {
        (*results)[share->places[i]] = std::move(own[i]);
    }
}

DeliveryPool::Use::~Use() {
    link_->pending.erase(number_);
    link_->last_used = std::chrono::steady_clock::now();
    if (--link_->users == 0) {
        pool_.room_.wake_one();
    }
}

std::shared_ptr<DeliveryPool::Pending> DeliveryPool::Use::await(std::uint32_t number) {
    number_ = number;
    auto pending = std::make_shared<Pending>();
    link_->pending.emplace(number, pending);
    return pending;
}

Task<std::vector<DeliveryResult>> DeliveryPool::ask(DeliveryOrder order, int message) {
    std::size_t count = order.recipients.size();
    const WorkerIdentity identity = order.recipients.front().identity;
    auto link = co_await link_for(&identity);
    if (!link) {
        co_return all_in_trouble(count, link.error().message);
    }
    Use use(*this, std::move(*link));
    order.number = ++orders_;
    auto pending = use.await(order.number);
    std::string trouble = "the process that delivers has ended";
    try {
        auto sent = co_await send(use.link(), order.serialize(), message);
        if (sent) {
            co_await pending->done.wait(Deadline::after(kDeliveryTime));
        } else {
            trouble = sent.error().message;
        }
    } catch (const TimedOut&) {
        trouble = "the delivery takes too long";
    }
    co_return pending->results.size() == count ? std::move(pending->results)
                                               : all_in_trouble(count, trouble);
}

Task<Result<void>> DeliveryPool::send(LinkPtr link, std::string bytes, int message) {
    Deadline deadline = Deadline::after(kDeliveryTime);
    for (;;) {
        if (link->dead) {
            co_return fail(Errc::kClosed, "the process that delivers has ended");
        }
        if (send_with_fd(link->channel.get(), bytes, message) >= 0) {
            co_return Result<void>();
        }
        if (errno != EAGAIN && errno != EINTR) {
            co_return fail_errno("hand a message over");
        }
        co_await wait_fd_writable(link->channel.get(), deadline);
    }
}

Task<Result<DeliveryPool::LinkPtr>> DeliveryPool::link_for(const WorkerIdentity* identity) {
    Owner owner{identity->uid, identity->gid};
    Deadline deadline = Deadline::after(kRoomTime);
    for (;;) {
        auto found = links_.find(owner);
        if (found != links_.end()) {
            co_return found->second;
        }
        if (links_.size() < static_cast<std::size_t>(conf().lmtpd_worker_limit()) ||
            end_an_idle_one()) {
            auto link = start(*identity);
            if (link) {
                readers_.spawn(read_answers(*link));
            }
            co_return link;
        }
        bool late = false;
        try {
            co_await room_.wait(deadline);
        } catch (const TimedOut&) {
            late = true;
        }
        if (late) {
            co_return fail(Errc::kTemporary, "lmtpd_worker_limit processes are busy");
        }
    }
}

Result<DeliveryPool::LinkPtr> DeliveryPool::start(const WorkerIdentity& identity) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) < 0) {
        return fail_errno("socketpair");
    }
    auto link = std::make_shared<Link>();
    link->channel = UniqueFd(pair[0]);
    UniqueFd theirs(pair[1]);
    auto done = set_nonblocking(link->channel.get());
    if (!done) {
        return fail_with(done);
    }
    ssize_t sent = -1;
    do {
        sent = send_with_fd(helper_.channel(), identity.user, theirs.get());
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return fail_errno("ask for a process");
    }
    links_.emplace(Owner{identity.uid, identity.gid}, link);
    return link;
}

bool DeliveryPool::end_an_idle_one() {
    auto oldest = links_.end();
    for (auto at = links_.begin(); at != links_.end(); ++at) {
        bool older = oldest == links_.end() || at->second->last_used < oldest->second->last_used;
        if (at->second->users == 0 && older) {
            oldest = at;
        }
    }
    if (oldest == links_.end()) {
        return false;
    }
    LinkPtr link = oldest->second;
    lose(link);
    return true;
}

// The worker ends when its orders are done; nobody waits for those any more.
void DeliveryPool::lose(const LinkPtr& link) {
    if (link->dead) {
        return;
    }
    link->dead = true;
    ::shutdown(link->channel.get(), SHUT_RDWR);
    std::erase_if(links_, [&link](const auto& entry) { return entry.second == link; });
    for (auto& [number, pending] : link->pending) {
        pending->done.set();
    }
    room_.wake_one();
}

Task<void> DeliveryPool::read_answers(LinkPtr link) {
    std::string bytes(kMaxOrder, '\0');
    for (;;) {
        ssize_t got = ::recv(link->channel.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            co_await wait_fd_readable(link->channel.get());
            continue;
        }
        auto answer = got <= 0 ? Result<DeliveryAnswer>(fail(Errc::kClosed, "ended"))
                               : DeliveryAnswer::parse(std::string_view(bytes).substr(
                                     0, static_cast<std::size_t>(got)));
        if (!answer) {
            lose(link);
            co_return;
        }
        auto found = link->pending.find(answer->number);
        if (found != link->pending.end()) {
            found->second->results = std::move(answer->results);
            found->second->done.set();
        }
    }
}

Task<void> DeliveryPool::keep_house() {
    beside_.spawn(helper_.watch());
    for (;;) {
        co_await sleep_for(kHousework);
        std::vector<LinkPtr> unused;
        for (const auto& [owner, link] : links_) {
            if (link->users == 0 &&
                std::chrono::steady_clock::now() - link->last_used > kKeepUnused) {
                unused.push_back(link);
            }
        }
        for (const LinkPtr& link : unused) {
            lose(link);
        }
    }
}

Task<void> DeliveryPool::close() {
    co_await beside_.close();
    co_await readers_.close();
    links_.clear();
    co_await auth_.close();
}

}  // namespace relais
