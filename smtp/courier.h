// Carries one message to its next hop: to which servers, in which order, and what to do when they
// fail.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "smtp/client.h"
#include "smtp/handshake.h"
#include "smtp/recipient_list.h"

namespace relais::smtp_client {

class Courier {
  public:
    // Both must outlive it.
    Courier(Client* client, Delivery* delivery);

    [[nodiscard]] Task<void> run();

  private:
    enum class Last { kNo, kYes };
    enum class Ready { kNo, kYes };  // the server took our greeting

    enum class Tried { kNoConnection, kRefused, kWantsPlaintext, kUsed };

    // One server's turn.
    struct Turn {
        const Destination* destination = nullptr;
        const ServerList* list = nullptr;
        const ServerAddress* server = nullptr;
        bool last_for_greeting = false;  // no other server if this one does not want to talk
        bool last_for_mail = false;      // nor if it does not take the mail
    };

    [[nodiscard]] Task<void> try_kept_connection();
    [[nodiscard]] Task<Tried> try_server(const Turn* turn, TlsPolicy policy);
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
    Delivery* delivery_;
    const DeliveryRequest* request_;
    RecipientList recipients_;
    DeliveryStatus why_;  // why the latest destination did not work
    bool loops_ = false;
    bool found_self_ = false;
    bool fallback_tried_ = false;
};

}  // namespace relais::smtp_client
