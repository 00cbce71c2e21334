// Delivers into users' mailboxes for a service that has no rights of its own (lmtpd), and looks at
// their quotas (quota-status):
//
//     the service --(message, whose mailbox)--> a worker for each uid and gid
//                                                 ^
//                              helper (root): asks auth, forks the workers
//
// The helper believes nobody: which uid a worker gets, auth tells it.  Workers stay a while, and
// their number is bounded.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/access/delivery_order.h"
#include "lib/access/login_inquiry.h"
#include "lib/base/socket_address.h"
#include "lib/base/unique_fd.h"
#include "lib/daemon/root_helper.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_client.h"

namespace relais {

class DeliveryPool {
  public:
    // Before the process gives up its rights; before anything waits in the event loop.
    DeliveryPool();

    // Whose address that is, as he would log in with it.  kNotFound: nobody; kTemporary: auth
    // cannot say now.
    [[nodiscard]] Task<Result<UserRecord>> find(std::string user);

    // The same for mail that has come to this address, and may have to go on to another machine.
    [[nodiscard]] Task<Result<UserRecord>> find_at(std::string user,
                                                   std::optional<SocketAddress> here);

    // Hands the order out to the workers of its recipients.  `message` is borrowed (-1 for a
    // check).  One result for each recipient.
    [[nodiscard]] Task<std::vector<DeliveryResult>> carry_out(DeliveryOrder order, int message);

    // Lets go of workers that have nothing to do, until cancelled.  Ends this process when the
    // helper has ended.
    [[nodiscard]] Task<void> keep_house();

    [[nodiscard]] Task<void> close();

  private:
    using Owner = std::pair<long, long>;  // uid, gid

    struct Pending {
        Flag done;
        std::vector<DeliveryResult> results;
    };

    struct Link {
        UniqueFd channel;
        std::map<std::uint32_t, std::shared_ptr<Pending>> pending;
        int users = 0;
        bool dead = false;
        SteadyTime last_used = std::chrono::steady_clock::now();
    };

    using LinkPtr = std::shared_ptr<Link>;

    // Of an order that waits for its answer; a worker in use is not let go.
    class Use {
      public:
        Use(DeliveryPool& pool, LinkPtr link) : pool_(pool), link_(std::move(link)) {
            ++link_->users;
        }

        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use();

        std::shared_ptr<Pending> await(std::uint32_t number);

        const LinkPtr& link() const { return link_; }

      private:
        DeliveryPool& pool_;
        LinkPtr link_;
        std::uint32_t number_ = 0;
    };

    // The recipients of one worker, by their place in the whole order.
    struct Share {
        DeliveryOrder order;
        std::vector<std::size_t> places;
    };

    static std::vector<Share> shares_of(DeliveryOrder order);
    [[nodiscard]] Task<void> carry_out_share(Share* share, int message,
                                             std::vector<DeliveryResult>* results);
    [[nodiscard]] Task<std::vector<DeliveryResult>> ask(DeliveryOrder order, int message);
    [[nodiscard]] Task<Result<LinkPtr>> link_for(const WorkerIdentity* identity);
    [[nodiscard]] Result<LinkPtr> start(const WorkerIdentity& identity);
    bool end_an_idle_one();
    [[nodiscard]] static Task<Result<void>> send(LinkPtr link, std::string bytes, int message);
    [[nodiscard]] Task<void> read_answers(LinkPtr link);
    void lose(const LinkPtr& link);

    RootHelper helper_;
    AuthClient auth_;
    std::map<Owner, LinkPtr> links_;
    WaitQueue room_;
    std::uint32_t orders_ = 0;
    TaskGroup readers_;
    TaskGroup beside_;
};

}  // namespace relais
