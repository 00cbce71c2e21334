// verify(8): remembers which recipient addresses accept mail, and probes those it knows nothing
// about.  smtpd asks (query), delivery agents and qmgr report what became of a probe (update), over
// private/verify.  The cache is a table of its own (address_verify_map), opened before the jail;
// the probes are messages without content that are never delivered.
#include <algorithm>
#include <ctime>
#include <memory>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/daemon/attr_service.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/event/task_group.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/internal_mail.h"
#include "lib/ipc/verify_client.h"

#include "services/verify/address_cache.h"
#include "services/verify/probe_sender.h"

using namespace relais;
using namespace relais::verify;

namespace {

constexpr std::size_t kMaxRequest = std::size_t{1} << 16;
constexpr int kVerifyOnly = 256;  // the delivery request flag of a probe

enum class Reply : int { kOk = 0, kFail = -1, kBad = -2 };

class Verify : public Daemon {
  public:
    void before_jail() override {
        ActingAsMailOwner owner(conf().mail_owner());
        cache_ = std::make_unique<AddressCache>();
    }

    Task<void> background() override;
    Task<void> serve(Connection connection) override;

    Task<void> shut_down() override { co_await probes_.join(); }

  private:
    [[nodiscard]] Task<bool> answer(const Attributes* request, AttrWriter* reply);
    void answer_query(AttrReader& request, AttrWriter& reply);
    void answer_update(AttrReader& request, AttrWriter& reply);
    [[nodiscard]] static Task<void> probe(std::string address);

    std::unique_ptr<AddressCache> cache_;
    TaskGroup probes_;
};

// Tables read ":" as a separator in places.
std::string address_of(AttrReader& request) {
    std::string address = request.string("address");
    std::ranges::replace(address, ':', '_');
    return address;
}

void put_status(AttrWriter& reply, Reply status) {
    reply.number("status", static_cast<int>(status));
}

void refuse(const AttrReader& request, AttrWriter& reply) {
    log_warning("{} in input from verify socket", request.error());
    put_status(reply, Reply::kBad);
    reply.end();
}

// The address is asked for like any message's recipient, up to the point of delivery.
Task<void> Verify::probe(std::string address) {
    InternalMailOptions options;
    options.sender = probe_sender(std::time(nullptr));
    options.recipient = std::move(address);
    options.source = MailSource::kVerify;
    options.trace_flags = kVerifyOnly;
    auto mail = co_await InternalMail::open(std::move(options));
    if (!mail) {
        log_warning("address verification probe: {}", mail.error().message);
        co_return;
    }
    auto sent = co_await (*mail)->finish();
    if (!sent) {
        log_warning("address verification probe: {}", sent.error().message);
    }
}

void Verify::answer_query(AttrReader& request, AttrWriter& reply) {
    std::string address = address_of(request);
    if (request.failed()) {
        refuse(request, reply);
        return;
    }
    std::time_t now = std::time(nullptr);
    Verdict verdict = cache_->look_up(address, now);
    put_status(reply, Reply::kOk);
    reply.number("recipient_status", static_cast<int>(verdict.status))
        .string("reason", verdict.text)
        .end();
    if (verdict.wants_probe) {
        cache_->note_probe(address, verdict, now);
        probes_.spawn(probe(std::move(address)));
    }
}

void Verify::answer_update(AttrReader& request, AttrWriter& reply) {
    std::string address = address_of(request);
    int status = request.signed_number("recipient_status");
    std::string text = request.string("reason");
    bool known = status == static_cast<int>(AddressStatus::kDeliverable) ||
                 status == static_cast<int>(AddressStatus::kDeferred) ||
                 status == static_cast<int>(AddressStatus::kUndeliverable);
    if (request.failed()) {
        refuse(request, reply);
        return;
    }
    if (!known) {
        log_warning("bad recipient status {} for recipient {}", status, printable(address));
        put_status(reply, Reply::kBad);
    } else {
        Utf8 utf8 = utf8_mode();
        cache_->store(address, static_cast<AddressStatus>(status), printable(text, '?', utf8),
                      std::time(nullptr));
        put_status(reply, Reply::kOk);
    }
    reply.end();
}

Task<bool> Verify::answer(const Attributes* request, AttrWriter* reply) {
    AttrReader reader(*request);
    std::string command = reader.string("request");
    if (command == "query") {
        answer_query(reader, *reply);
    } else if (command == "update") {
        answer_update(reader, *reply);
    } else {
        log_warning("unrecognized request: \"{}\", ignored", printable(command));
        put_status(*reply, Reply::kBad);
        reply->end();
    }
    co_return true;
}

Task<void> Verify::background() {
    auto interval = conf().address_verify_cache_cleanup_interval();
    while (interval.count() > 0) {
        co_await sleep_for(cache_->until_clean_up(interval, std::time(nullptr)));
        co_await cache_->clean_up();
    }
}

Task<void> Verify::serve(Connection connection) {
    return serve_attributes(
        std::move(connection), kVerifyProtocol, kMaxRequest,
        [this](const Attributes* request, AttrWriter* reply) { return answer(request, reply); });
}

}  // namespace

// Its cache is a table.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "$config_directory"}},
};

int main(int argc, char** argv) {
    return run_daemon(argc, argv,
                      {.name = "verify",
                       .kind = ServiceKind::kShared,
                       .limit = ProcessLimit::kOne,
                       .lifetime = Lifetime::kEndless,
                       .sandbox = &kSandbox},
                      [] { return std::make_unique<Verify>(); });
}
