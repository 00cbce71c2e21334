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
//   delivery.cc         a request from its first server to its last
//   server_list.cc      MX and address lookups, order, loops
//   handshake.cc        greeting, EHLO, STARTTLS
//   transfer.cc         MAIL, RCPT, DATA
//   recipient_list.cc   outcomes
//   connection_pool.cc  connections that wait for more mail
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/delivery_request.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_file.h"

#include "smtp/client.h"
#include "smtp/delivery.h"

using namespace relais;
using namespace relais::smtp_client;

namespace {

class SmtpDaemon : public Daemon {
  public:
    explicit SmtpDaemon(std::string prefix)
        : prefix_(std::move(prefix)), dirs_(queue_dirs_from(conf())) {}

    void before_jail() override { client_ = std::make_unique<Client>(prefix_); }

    Task<void> background() override { co_await client_->pool.expire(&client_->settings); }

    Task<void> serve(Connection connection) override;

    Task<void> shut_down() override { co_await client_->pool.close_all(&client_->settings); }

  private:
    [[nodiscard]] Task<DeliveryReply> deliver(DeliveryRequest request);

    std::string prefix_;
    QueueDirs dirs_;
    std::unique_ptr<Client> client_;
};

std::string announcement() {
    AttrWriter out;
    out.string("protocol", kDeliveryProtocol).end();
    return out.take();
}

Task<DeliveryReply> SmtpDaemon::deliver(DeliveryRequest request) {
    if (request.times.agent_handoff.tv_sec == 0) {
        request.times.agent_handoff = time_of_day();
    }
    DeliveryReply failed;
    failed.status = -1;
    if (!valid_queue_name(request.queue_name) || !valid_queue_id(request.queue_id)) {
        log_warning("malformed delivery request: {} {}", printable(request.queue_name),
                    printable(request.queue_id));
        co_return failed;
    }
    auto file =
        open_queue_file(dirs_.path(request.queue_name, request.queue_id), QueueLock::kShared);
    if (!file) {
        log_warning("{}", file.error().message);
        co_return failed;
    }
    Delivery delivery(client_.get(), &request, file->get());
    co_return co_await delivery.run();
}

// A queue manager of ours sends one request after the other; Postfix's hangs up behind the reply.
Task<void> SmtpDaemon::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.write(announcement());
    for (;;) {
        stream.set_timeout(conf().ipc_timeout());
        auto request = co_await read_delivery_request(&stream);
        if (!request) {
            if (request.error().code != Errc::kClosed) {
                log_warning("delivery request: {}", request.error().message);
            }
            co_return;
        }
        DeliveryReply reply = co_await deliver(std::move(*request));
        stream.write(encode_delivery_reply(reply));
        stream.write(announcement());
    }
}

constexpr DaemonTraits kSmtpTraits = {.name = "smtp"};
constexpr DaemonTraits kLmtpTraits = {.name = "lmtp"};

}  // namespace

// The name under which it was started decides which protocol it speaks.
int main(int argc, char** argv) {
    std::string_view path = argc > 0 ? argv[0] : "smtp";
    bool lmtp = path.substr(path.rfind('/') + 1) == "lmtp";
    return run_daemon(argc, argv, lmtp ? kLmtpTraits : kSmtpTraits,
                      [lmtp] { return std::make_unique<SmtpDaemon>(lmtp ? "lmtp" : "smtp"); });
}
