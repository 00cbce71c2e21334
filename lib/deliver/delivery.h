// A delivery agent's side of a request: it announces itself, reads the request, opens and locks
// the queue file, lets the agent deliver, and replies.  The agent ends each recipient through the
// Delivery, which tells whom it concerns (outcome.h) and marks the recipient done in the file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/deliver/outcome.h"
#include "lib/event/stream.h"
#include "lib/ipc/delivery_request.h"

namespace relais {

class Delivery {
  public:
    Delivery(DeliveryRequest request, UniqueFd file);

    DeliveryRequest request;
    // What the log lines will say; starts with the request's, with agent_handoff set.
    DeliveryTimes times;
    std::string tls;  // DeliveryEvent::tls

    // The queue file, locked.
    int file() const { return file_.get(); }

    // Ends a recipient.
    [[nodiscard]] Task<Disposition> sent(Recipient recipient, DeliveryStatus status,
                                         std::string relay);
    // Bounced or deferred, by the class of the status.
    [[nodiscard]] Task<Disposition> failed(Recipient recipient, DeliveryStatus status,
                                           std::string relay);

    // For agents that report by themselves.
    DeliveryEvent event(Recipient recipient, DeliveryStatus status, std::string relay) const;
    // Marks a recipient done, or notes that something is left to do.
    void settle(const Recipient& recipient, Disposition disposition);

    // Trouble with the whole destination: the queue manager will hold its mail back.
    void set_hop_status(DeliveryStatus status) { reply_.hop = std::move(status); }

    // The message could not be read to its end.  A queue file that is damaged is marked for the
    // queue manager once the agent is done; one that only cannot be read now, as an errno says, is
    // tried again.
    void note_unread(const Error& error) {
        unread_ = true;
        const bool in_content = error.code == Errc::kSyntax || error.code == Errc::kCorrupt;
        damaged_ |= in_content && error.sys_errno == 0;
    }

    bool unread() const { return unread_; }

    bool damaged() const { return damaged_; }

    const DeliveryReply& reply() const { return reply_; }

    // True for address probes (verify, sendmail -bv): nothing must be delivered.
    bool is_probe() const { return (request.flags & (kVerifyAddress | kVerifyForUser)) != 0; }

  private:
    UniqueFd file_;
    DeliveryReply reply_;
    bool unread_ = false;
    bool damaged_ = false;
};

// For a flag of master.cf that asks for a header about one recipient (D, O): why a request for
// several is refused, which is logged.  `what` is the agent's name for it ("pipe flag").
[[nodiscard]] std::optional<DeliveryStatus> refuse_several(const DeliveryRequest& request,
                                                           std::string_view what, char flag,
                                                           std::string_view service);

// Delivers to every recipient of the request.
using DeliverFunction = std::function<Task<void>(Delivery*)>;

// Whether clients should come anew, because another process takes the place of this one.
using MakeWayFunction = std::function<bool()>;

// One client, from the announcement to the last reply.  `makes_way` is asked while he is silent
// between two requests.  The exceptions of a conversation that ends come out.
[[nodiscard]] Task<void> serve_delivery(UniqueFd client, DeliverFunction deliver,
                                        MakeWayFunction makes_way = {});

}  // namespace relais
