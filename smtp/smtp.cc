// smtp(8) and lmtp(8): deliver mail to other machines by SMTP, or to a mail store by LMTP.
//
// Called by the queue manager over private/smtp, private/relay, private/lmtp: a delivery request
// names a message in the active queue, a next hop and the recipients; the agent finds the servers,
// sends the message, tells the log and the bounce services what became of each recipient, marks
// those that are done in the queue file, and replies.  Runs as mail_owner, usually in a chroot;
// trusts the queue manager and no server.
//
// One process carries many deliveries at once, and keeps connections to busy destinations for the
// next message.
//
//   courier.cc          a request from its first server to its last
//   courier_reuse.cc    open connections for it
//   server_list.cc      MX and address lookups, order, loops
//   handshake.cc        greeting, EHLO, STARTTLS
//   login.cc            AUTH; logins.cc who we are, and the processes that know mechanisms
//   transfer.cc         MAIL, RCPT, DATA
//   recipient_list.cc   outcomes
//   session_cache.cc    connections that wait for more mail, here or in scache(8)
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/shared_tls_sessions.h"
#include "lib/deliver/delivery.h"
#include "lib/deliver/status_filter.h"
#include "lib/event/task_group.h"
#include "lib/maps/shared_tables.h"

#include "smtp/client.h"
#include "smtp/courier.h"

using namespace relais;
using namespace relais::smtp_client;

namespace {

class SmtpDaemon : public Daemon {
  public:
    explicit SmtpDaemon(std::string prefix) : prefix_(std::move(prefix)) {}

    void before_jail() override {
        const auto filter = prefix_ + "_delivery_status_filter";
        use_status_filter(filter, conf().text_value(filter));
        client_ = std::make_unique<Client>(prefix_);
    }

    Task<void> background() override {
        TaskGroup both;
        if (client_->tls) {
            both.spawn(seed_tls_library());
        }
        both.spawn(client_->sessions.pool.expire(&client_->settings));
        co_await both.join();
    }

    Task<void> serve(Connection connection) override {
        DeliverFunction deliver = [this](Delivery* delivery) { return carry(delivery); };
        MakeWayFunction makes_way = [this] { return changed_table().has_value(); };
        co_await serve_delivery(std::move(connection.fd), std::move(deliver), std::move(makes_way));
    }

    std::optional<std::string> changed_table() override {
        if (client_->logins && client_->logins->is_broken()) {
            return "of SASL logins (their helper process has ended)";
        }
        return changed_shared_table();
    }

    Task<void> shut_down() override {
        co_await client_->sessions.close();
        if (client_->logins) {
            co_await client_->logins->close();
        }
    }

  private:
    [[nodiscard]] Task<void> carry(Delivery* delivery) {
        Courier courier(client_.get(), delivery);
        co_await courier.run();
    }

    std::string prefix_;
    std::unique_ptr<Client> client_;
};

// Servers may be anywhere, and policies name files of certificates.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kWrite, "active"},
              {Access::kRead, "$config_directory"},
              {Access::kRead, "$smtp_tls_CApath"},
              {Access::kRead, "$lmtp_tls_CApath"},
              {Access::kRead, "$smtp_tls_trust_anchor_file/"},
              {Access::kRead, "$lmtp_tls_trust_anchor_file/"},
              {Access::kRead, "@certificates"},
              {Access::kRead, "@names"}},
    .reach = Reach::kServers,
};

constexpr DaemonTraits kSmtpTraits = {.name = "smtp", .sandbox = &kSandbox};
constexpr DaemonTraits kLmtpTraits = {.name = "lmtp", .sandbox = &kSandbox};

}  // namespace

// The name under which it was started decides which protocol it speaks.
int main(int argc, char** argv) {
    std::string_view path = argc > 0 ? argv[0] : "smtp";
    bool lmtp = path.substr(path.rfind('/') + 1) == "lmtp";
    return run_daemon(argc, argv, lmtp ? kLmtpTraits : kSmtpTraits,
                      [lmtp] { return std::make_unique<SmtpDaemon>(lmtp ? "lmtp" : "smtp"); });
}
