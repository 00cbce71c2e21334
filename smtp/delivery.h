// One delivery request: to which servers, in which order, and what to do when they fail.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "smtp/client.h"
#include "smtp/handshake.h"
#include "smtp/recipient_list.h"

namespace relais::smtp_client {

class Delivery {
  public:
    // `queue_fd` is the message, open and locked; both must outlive the delivery.
    Delivery(Client* client, const DeliveryRequest* request, int queue_fd);

    [[nodiscard]] Task<DeliveryReply> run();

  private:
    enum class Last { kNo, kYes };
    enum class Ready { kNo, kYes };  // the server took our greeting

    [[nodiscard]] Task<void> try_kept_connection();
    [[nodiscard]] Task<void> try_site(std::string site, Last last);
    [[nodiscard]] Task<void> try_unix_socket(Destination destination);
    [[nodiscard]] Task<void> try_servers(const Destination* destination, const ServerList* list,
                                         const TlsPolicy* policy, Last last);
    [[nodiscard]] Task<std::unique_ptr<Session>> open_session(const ServerAddress* server,
                                                              std::uint16_t port);
    [[nodiscard]] Task<bool> greet(Session* session, HandshakeOptions options);
    [[nodiscard]] Task<void> send_over(Session* session);
    [[nodiscard]] Task<void> put_away(std::unique_ptr<Session> session, Ready ready);
    [[nodiscard]] Task<void> give_up();
    [[nodiscard]] Task<bool> wants_caching();
    bool plaintext_will_do(const Session& session) const;

    Client* client_;
    const DeliveryRequest* request_;
    int queue_fd_;
    RecipientList recipients_;
    DeliveryStatus why_;  // why the latest destination did not work
    bool loops_ = false;
    bool fallback_tried_ = false;
};

}  // namespace relais::smtp_client
