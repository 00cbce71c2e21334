// The recipients of a request and what has become of them so far.  While there is another server
// to try, a recipient with a temporary failure is kept for it; on the last one he is deferred.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lib/deliver/delivery.h"

#include "smtp/session.h"

namespace relais::smtp_client {

// Does a failure say something about the destination as a whole?  Then the queue manager leaves it
// alone for a while.
enum class Throttle { kNo, kYes };

class RecipientList {
  public:
    // `delivery` must outlive the list.
    explicit RecipientList(Delivery* delivery);

    std::size_t size() const { return states_.size(); }

    const Recipient& at(std::size_t index) const { return delivery_->request.recipients[index]; }

    // Still to be delivered by this server.
    bool is_open(std::size_t index) const { return states_[index] == State::kOpen; }

    // How many need this server or another.
    std::size_t left() const { return left_; }

    // Those that were kept become open again.
    void next_server();

    // No other server will be tried.
    void set_final(bool final) { final_ = final; }

    // From here on the log lines speak of this session; null: of none.
    void use_session(const Session* session);

    // Or of this service, which made nothing of the request.
    void use_relay(const std::string& relay) { relay_ = relay; }

    void connection_done() { delivery_->times.connection_done = time_of_day(); }

    // smtp_log_tls_feature_status: what became of TLS in this session.
    void set_tls(std::string tls) { delivery_->tls = std::move(tls); }

    // The server keeps the promises of RFC 3461 itself.
    void set_dsn_server(bool dsn_server) { dsn_server_ = dsn_server; }

    // Mail that a server has taken is at its end there, not on its way.
    void set_final_hop(bool final_hop) { final_hop_ = final_hop; }

    [[nodiscard]] Task<void> sent(std::size_t index, smtp::Reply reply);
    [[nodiscard]] Task<void> failed(std::size_t index, DeliveryStatus why);
    // All that are open.
    [[nodiscard]] Task<void> all_failed(DeliveryStatus why, Throttle throttle);
    // All that are open go to another delivery agent.
    [[nodiscard]] Task<void> pass_all(std::string transport);

  private:
    enum class State : unsigned char { kOpen, kKept, kDone };

    [[nodiscard]] Task<void> give_up(std::size_t index, const DeliveryStatus* why);
    void finish(std::size_t index);
    bool keeps(const DeliveryStatus& why) const;

    Delivery* delivery_;
    std::vector<State> states_;
    std::size_t left_;
    bool final_ = false;
    std::string relay_ = "none";
    bool dsn_server_ = false;
    bool final_hop_ = false;
};

}  // namespace relais::smtp_client
