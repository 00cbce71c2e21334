// bounce(8): keeps a log of the recipients of each message that were not delivered, and sends the
// notifications.  Runs as three services, bounce, defer and trace, which differ in the directory
// of their logs; delivery agents, qmgr and cleanup call it (lib/ipc/bounce_client.h).  It runs as
// mail_owner, reads queue files, writes its logs, and posts through cleanup.
//
//   log_file.h         appending to logs, on disk before the reply
//   operations.h       which notification goes to whom
//   notification.h     what it looks like; subject_message.h: the message that it is about
//   templates.h        its texts
#include <cstdlib>
#include <optional>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/attr_service.h"
#include "lib/daemon/daemon.h"
#include "lib/queue/queue_config.h"

#include "bounce/dump_templates.h"
#include "bounce/log_file.h"
#include "bounce/operations.h"
#include "bounce/verp.h"

using namespace relais;
using namespace relais::bounce;

namespace {

// What a request asks of the queue must be names, not paths.
bool well_formed(const BounceRequest& request) {
    if (!valid_queue_id(request.queue_id)) {
        log_warning("malformed queue id: {}", printable(request.queue_id));
        return false;
    }
    if (request.op != BounceOp::kAppend && !valid_queue_name(request.queue_name)) {
        log_warning("malformed queue name: {}", printable(request.queue_name));
        return false;
    }
    if (request.op == BounceOp::kVerp && !valid_verp_delimiters(request.verp_delimiters)) {
        log_warning("malformed verp delimiter string: {}", printable(request.verp_delimiters));
        return false;
    }
    return true;
}

class BounceDaemon : public Daemon {
  public:
    BounceDaemon() : service_{process_info().service_name, queue_dirs_from(conf()), Templates()} {}

    void before_jail() override {
        if (!conf().bounce_template_file().empty()) {
            service_.templates.read_file(conf().bounce_template_file());
        }
        show_templates_if_asked();
    }

    Task<void> serve(Connection connection) override;

  private:
    // postconf runs this program under two names to see the texts.
    void show_templates_if_asked() const {
        bool raw = service_.name == "dump_templates";
        if (raw || service_.name == "expand_templates") {
            auto text =
                raw ? dump_templates(service_.templates) : dump_expanded(service_.templates);
            std::exit(write_all(STDOUT_FILENO, text) ? 0 : 1);
        }
    }

    [[nodiscard]] Task<bool> handle(const BounceRequest* request);
    [[nodiscard]] Task<bool> dispatch(const BounceRequest* request);

    Service service_;
};

Task<bool> BounceDaemon::dispatch(const BounceRequest* request) {
    switch (request->op) {
        case BounceOp::kAppend:
            co_return co_await append(&service_, request);
        case BounceOp::kFlush:
            co_return co_await flush(&service_, request);
        case BounceOp::kWarn:
            co_return co_await warn(&service_, request);
        case BounceOp::kVerp:
            // A null sender has no local part to hang the recipient on.
            if (request->sender.empty()) {
                co_return co_await flush(&service_, request);
            }
            co_return co_await flush_verp(&service_, request);
        case BounceOp::kOne:
            if (service_.name != conf().bounce_service_name()) {
                log_warning("wrong service name \"{}\" for one-recipient bouncing", service_.name);
                co_return false;
            }
            co_return co_await bounce_one(&service_, request);
        case BounceOp::kTrace:
            co_return co_await trace(&service_, request);
    }
    co_return false;
}

// kBounceClean: a request that fails leaves no log behind.
Task<bool> BounceDaemon::handle(const BounceRequest* request) {
    if (!well_formed(*request)) {
        co_return false;
    }
    bool done = co_await dispatch(request);
    if (!done && (request->flags & kBounceClean) != 0) {
        auto removed = remove_log(service_.dirs, service_.name, request->queue_id);
        if (!removed) {
            log_warning("{}", removed.error().message);
        }
    }
    co_return done;
}

Task<void> BounceDaemon::serve(Connection connection) {
    StatusConversation client(std::move(connection), kBounceProtocol);
    for (;;) {
        auto list = co_await client.next();
        if (!list) {
            if (list.error().code != Errc::kClosed) {
                log_warning("malformed request: {}", list.error().message);
            }
            co_return;
        }
        bool done = false;
        auto request = decode_bounce_request(*list);
        if (request) {
            done = co_await handle(&*request);
        } else {
            log_warning("{}", request.error().message);
        }
        client.reply(done ? 0 : -1);
    }
}

}  // namespace

// Its logs, and marks in the queue file that is asked about.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "bounce"},
              {Access::kChange, "defer"},
              {Access::kChange, "trace"},
              {Access::kWrite, "active"},
              {Access::kWrite, "deferred"},
              {Access::kWrite, "incoming"},
              {Access::kWrite, "hold"},
              {Access::kRead, "$bounce_template_file"}},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "bounce";
    traits.limit = ProcessLimit::kNone;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<BounceDaemon>(); });
}
