// Carries one message to its next hop: to which servers, in which order, and what to do when they
// fail.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "smtp/client.h"
#include "smtp/handshake.h"
#include "smtp/recipient_list.h"
#include "smtp/session_labels.h"

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

        std::uint16_t port() const { return server->port != 0 ? server->port : destination->port; }
    };

    [[nodiscard]] Task<bool> has_too_many_recipients();
    void add_fallback_relays(std::vector<std::string>& sites) const;
    [[nodiscard]] Task<void> try_kept_connection();
    [[nodiscard]] Task<std::unique_ptr<Session>> find_kept(const Turn* turn, TlsLevel level);
    enum class Used { kNo, kYes };  // kNo: not fit for this message
    [[nodiscard]] Task<Used> use_kept(std::unique_ptr<Session> session);
    SessionPurpose purpose(std::string nexthop) const;
    void label(Session& session);
    [[nodiscard]] Task<Tried> try_server(const Turn* turn, TlsPolicy policy);
    void note_tls(const Session& session);
    void report_tls(const Turn& turn, Session& session) const;
    void report_policy(const Turn& turn, const TlsPolicy& policy, const Error& why) const;
    [[nodiscard]] Task<std::optional<TlsPolicy>> policy_for(const Turn* turn,
                                                            const Result<TlsPolicy>* policy);
    [[nodiscard]] Task<void> try_site(std::string site, Last last);
    [[nodiscard]] Task<Result<TlsPolicy>> find_tls_policy(std::string site);
    [[nodiscard]] Task<void> try_unix_socket(Destination destination);
    // What REQUIRETLS asks for on the way to `host`.
    [[nodiscard]] Task<RequireTls> find_require_tls(std::string host);
    bool tls_need_not_be() const;
    bool is_passable(const TlsPolicy& policy, const std::string& nexthop);
    // A server, or all of a destination, that REQUIRETLS rules out.
    void rule_out(DeliveryStatus obstacle);
    [[nodiscard]] Task<void> fail_ruled_out();
    [[nodiscard]] Task<void> try_servers(const Destination* destination, const ServerList* list,
                                         const Result<TlsPolicy>* policy, Last last);
    [[nodiscard]] Task<std::unique_ptr<Session>> open_session(const ServerAddress* server,
                                                              std::uint16_t port);
    [[nodiscard]] Task<bool> greet(Session* session, HandshakeOptions options);
    [[nodiscard]] Task<void> send_over(Session* session);
    [[nodiscard]] Task<void> put_away(std::unique_ptr<Session> session, Ready ready);
    [[nodiscard]] Task<void> give_up();
    Result<Destination> first_destination() const;
    [[nodiscard]] Task<bool> is_cached_destination() const;
    // Whether to look for a connection that somebody has kept, and whether to keep this one.
    [[nodiscard]] Task<bool> wants_kept() const;
    [[nodiscard]] Task<bool> wants_caching() const;
    bool plaintext_will_do(const Session& session) const;

    Client* client_;
    Delivery* delivery_;
    const DeliveryRequest* request_;
    RecipientList recipients_;
    DeliveryStatus why_;  // why the latest destination did not work
    RequireTls require_tls_ = RequireTls::kDisable;
    std::optional<DeliveryStatus> obstacle_;     // of the latest server that REQUIRETLS ruled out
    bool undecided_ = false;                     // another server may do, now or later
    std::optional<ReportTarget> report_target_;  // who wants to know how TLS went
    bool takes_kept_ = false;                    // connections that were kept may be used
    bool has_kept_one_ = false;  // the next mail for this destination has its connection
    bool loops_ = false;
    bool found_self_ = false;
    bool fallback_tried_ = false;
};

}  // namespace relais::smtp_client
