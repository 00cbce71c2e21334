// anvil(8): counts the sessions of each client and how often it does things, for the limits of
// smtpd.  Called by smtpd over private/anvil (lib/ipc/anvil.h); believes what it is told, touches
// no file, and keeps everything in memory for anvil_rate_time_unit after a client has gone.
//
// Replies, each with status 0:
//   connect                            count rate
//   disconnect                         -
//   message recipient newtls auth      rate, counted
//   newtls_status                      rate
//   lookup                             count rate mail rcpt newtls auth
#include "lib/ipc/anvil.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"

#include "services/anvil/client_table.h"

using namespace relais;
using namespace relais::anvil;

namespace {

// A request of smtpd is far smaller.
constexpr std::size_t kMaxRequest = 4096;

// An smtpd with one long session has nothing to ask for a long time.
constexpr auto kQuietTime = std::chrono::hours(24 * 7);

// The sessions that one smtpd process has opened and not closed: they end with its connection.
using OpenSessions = std::map<std::string, int>;

struct CountedRequest {
    std::string_view name;
    Rate rate;
};

constexpr std::array<CountedRequest, 4> kCounted = {{
    {"message", Rate::kMessage},
    {"recipient", Rate::kRecipient},
    {"newtls", Rate::kNewTls},
    {"auth", Rate::kAuth},
}};

class Anvil : public Daemon {
  public:
    Anvil() : table_(conf().anvil_rate_time_unit()) {}

    Task<void> serve(Connection connection) override;
    Task<void> background() override;

    Task<void> shut_down() override {
        table_.log_statistics();
        co_return;
    }

    // Rates would be lost with the process, so it stays for one time unit at least.
    std::chrono::seconds idle_limit() const override {
        return std::max(conf().max_idle(), conf().anvil_rate_time_unit());
    }

  private:
    void answer(const std::string& request, const std::string& ident, OpenSessions& open,
                AttrWriter& reply);
    void answer_lookup(const std::string& ident, std::time_t now, AttrWriter& reply);

    ClientTable table_;
};

void Anvil::answer_lookup(const std::string& ident, std::time_t now, AttrWriter& reply) {
    const auto* client = table_.find(ident);
    reply.number("status", kAnvilOk);
    reply.number("count", client == nullptr ? 0 : client->sessions);
    reply.number("rate", table_.current(Rate::kConnection, ident, now));
    reply.number("mail", table_.current(Rate::kMessage, ident, now));
    reply.number("rcpt", table_.current(Rate::kRecipient, ident, now));
    reply.number("newtls", table_.current(Rate::kNewTls, ident, now));
    reply.number("auth", table_.current(Rate::kAuth, ident, now));
}

void Anvil::answer(const std::string& request, const std::string& ident, OpenSessions& open,
                   AttrWriter& reply) {
    const auto now = std::time(nullptr);
    const auto counted = std::ranges::find(kCounted, request, &CountedRequest::name);
    if (request == "connect") {
        const auto& client = table_.connect(ident, now);
        open[ident] += 1;
        reply.number("status", kAnvilOk);
        reply.number("count", client.sessions);
        reply.number("rate", client.rates[static_cast<std::size_t>(Rate::kConnection)]);
    } else if (request == "disconnect") {
        table_.disconnect(ident, now);
        if (const auto mine = open.find(ident); mine != open.end() && --mine->second == 0) {
            open.erase(mine);
        }
        reply.number("status", kAnvilOk);
    } else if (counted != kCounted.end()) {
        reply.number("status", kAnvilOk).number("rate", table_.add(counted->rate, ident, now));
    } else if (request == "newtls_status") {
        reply.number("status", kAnvilOk);
        reply.number("rate", table_.current(Rate::kNewTls, ident, now));
    } else if (request == "lookup") {
        answer_lookup(ident, now, reply);
    } else {
        log_warning("unrecognized command: \"{}\", ignored", printable(request));
        reply.number("status", kAnvilFail);
    }
    reply.end();
}

// An smtpd process that ends is nothing to worry about.
void log_gone(const std::exception& error) {
    if (log_verbose() > 0) {
        log_info("client gone: {}", error.what());
    }
}

Task<void> Anvil::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(kQuietTime);
    AttrWriter hello(AttrEncoding::kPlain);
    hello.string("protocol", kAnvilProtocol).end();
    stream.write(hello.bytes());
    OpenSessions open;
    try {
        for (;;) {
            auto list = co_await read_attributes(&stream, AttrEncoding::kPlain, kMaxRequest);
            if (!list) {
                break;
            }
            AttrReader reader(*list);
            const auto request = reader.string("request");
            const auto ident = reader.string("ident");
            if (reader.failed()) {
                log_warning("malformed request: {}", reader.error());
                break;
            }
            AttrWriter reply(AttrEncoding::kPlain);
            answer(request, ident, open, reply);
            stream.write(reply.bytes());
        }
    } catch (const IoError& error) {
        log_gone(error);
    } catch (const TimedOut& error) {
        log_gone(error);
    }
    for (const auto& [ident, count] : open) {
        for (int i = 0; i < count; ++i) {
            table_.disconnect(ident, std::time(nullptr));
        }
    }
}

Task<void> Anvil::background() {
    auto next_report = std::time(nullptr) + conf().anvil_status_update_time().count();
    for (;;) {
        co_await sleep_for(
            std::chrono::seconds(std::clamp<long>(conf().anvil_rate_time_unit().count(), 1, 60)));
        const auto now = std::time(nullptr);
        table_.expire(now);
        if (now >= next_report) {
            table_.log_statistics();
            next_report = now + conf().anvil_status_update_time().count();
        }
    }
}

}  // namespace

// It counts in memory.
constexpr SandboxTable kSandbox = {
    .files = {},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "anvil";
    traits.kind = ServiceKind::kShared;
    traits.limit = ProcessLimit::kOne;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Anvil>(); });
}
