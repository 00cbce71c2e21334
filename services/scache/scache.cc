// scache(8): SMTP connections that processes of smtp(8) leave for each other; ours does so where it
// does not keep them inside (smtp/session_cache.h).  Called over private/scache by processes
// of mail_owner, whom it believes; holds the descriptors, never reads from them.
//
//   save_endp  ttl label property             then the descriptor; status
//   find_endp  label                          status property, then the descriptor
//   save_dest  ttl label property label       status
//   find_dest  label                          status property property, then the descriptor
//
// The receiver of a descriptor sends a list with an empty `dummy` before it moves; a client that
// was sent one also sends a second afterwards.
#include <algorithm>
#include <ctime>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"

#include "services/scache/cache.h"

using namespace relais;
using namespace relais::scache;

namespace {

constexpr std::string_view kProtocol = "connection_cache_protocol";
constexpr auto kQuietTime = std::chrono::hours(24 * 7);
constexpr std::size_t kMaxRequest = 100000;

enum Status : int { kOk = 0, kBad = 1, kNotFound = 2 };

class Scache : public Daemon {
  public:
    Task<void> serve(Connection connection) override;
    Task<void> background() override;

    Task<void> shut_down() override {
        log_statistics();
        co_return;
    }

  private:
    [[nodiscard]] Task<bool> answer(Stream* stream, const Attributes* request);
    [[nodiscard]] Task<bool> save_endpoint(Stream* stream, AttrReader in);
    [[nodiscard]] Task<bool> find_endpoint(Stream* stream, AttrReader in);
    [[nodiscard]] Task<bool> find_destination(Stream* stream, AttrReader in);
    bool save_destination(Stream* stream, AttrReader in);
    void log_statistics();

    Cache cache_;
    std::time_t interval_start_ = std::time(nullptr);
};

void reply_status(Stream* stream, Status status) {
    stream->write(AttrWriter().number("status", status).end().bytes());
}

std::chrono::seconds limited(std::uint32_t ttl) {
    return std::min<std::chrono::seconds>(std::chrono::seconds(ttl),
                                          conf().connection_cache_ttl_limit());
}

Task<bool> hand_over(Stream* stream, UniqueFd fd) {
    auto ready = co_await read_attributes(stream, AttrEncoding::kNul, kMaxRequest);
    if (!ready) {
        co_return false;
    }
    co_await stream->send_fd(fd.get());
    auto received = co_await read_attributes(stream, AttrEncoding::kNul, kMaxRequest);
    co_return received.has_value();
}

Task<bool> Scache::save_endpoint(Stream* stream, AttrReader in) {
    std::uint32_t ttl = in.number("ttl");
    std::string label = in.string("label");
    std::string properties = in.string("property");
    if (in.failed()) {
        reply_status(stream, kBad);
        co_return false;
    }
    stream->write(AttrWriter().string("dummy", "").end().bytes());
    UniqueFd fd = co_await stream->receive_fd();
    cache_.save_endpoint(label, std::move(properties), std::move(fd), limited(ttl));
    reply_status(stream, kOk);
    co_return true;
}

bool Scache::save_destination(Stream* stream, AttrReader in) {
    std::uint32_t ttl = in.number("ttl");
    std::string label = in.string("label");
    std::string properties = in.string("property");
    std::string endpoint = in.string("label");
    if (!in.failed()) {
        cache_.save_destination(label, std::move(properties), std::move(endpoint), limited(ttl));
    }
    reply_status(stream, in.failed() ? kBad : kOk);
    return !in.failed();
}

Task<bool> Scache::find_endpoint(Stream* stream, AttrReader in) {
    std::string label = in.string("label");
    auto found = in.failed() ? std::nullopt : cache_.find_endpoint(label);
    AttrWriter reply;
    reply.number("status", found ? kOk : in.failed() ? kBad : kNotFound);
    reply.string("property", found ? found->properties : "").end();
    stream->write(reply.bytes());
    if (found) {
        co_return co_await hand_over(stream, std::move(found->fd));
    }
    co_return !in.failed();
}

Task<bool> Scache::find_destination(Stream* stream, AttrReader in) {
    std::string label = in.string("label");
    auto found = in.failed() ? std::nullopt : cache_.find_destination(label);
    AttrWriter reply;
    reply.number("status", found ? kOk : in.failed() ? kBad : kNotFound);
    reply.string("property", found ? found->properties : "");
    reply.string("property", found ? found->endpoint_properties : "").end();
    stream->write(reply.bytes());
    if (found) {
        co_return co_await hand_over(stream, std::move(found->fd));
    }
    co_return !in.failed();
}

// False where the client makes no sense any more.
Task<bool> Scache::answer(Stream* stream, const Attributes* request) {
    AttrReader in(*request);
    std::string what = in.string("request");
    cache_.expire();
    if (what == "save_endp") {
        co_return co_await save_endpoint(stream, in);
    }
    if (what == "find_endp") {
        co_return co_await find_endpoint(stream, in);
    }
    if (what == "save_dest") {
        co_return save_destination(stream, in);
    }
    if (what == "find_dest") {
        co_return co_await find_destination(stream, in);
    }
    log_warning("unrecognized request: \"{}\", ignored", printable(what));
    reply_status(stream, kBad);
    co_return true;
}

Task<void> Scache::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(kQuietTime);
    AttrWriter hello;
    hello.string("protocol", kProtocol).end();
    stream.write(hello.bytes());
    for (;;) {
        auto request = co_await read_attributes(&stream, AttrEncoding::kNul, kMaxRequest);
        if (!request) {
            co_return;
        }
        bool good = co_await answer(&stream, &*request);
        if (!good) {
            log_warning("bad or incomplete request");
            co_return;
        }
    }
}

int percent(long hits, long misses) {
    return static_cast<int>(hits * 100 / std::max(hits + misses, 1L));
}

void Scache::log_statistics() {
    const Statistics& seen = cache_.statistics;
    if (seen.destination_hits + seen.destination_misses + seen.endpoint_hits +
            seen.endpoint_misses !=
        0) {
        std::string start(std::ctime(&interval_start_));
        log_info("statistics: start interval {}", start.substr(4, 15));
        log_info("statistics: domain lookup hits={} miss={} success={}%", seen.destination_hits,
                 seen.destination_misses, percent(seen.destination_hits, seen.destination_misses));
        log_info("statistics: address lookup hits={} miss={} success={}%", seen.endpoint_hits,
                 seen.endpoint_misses, percent(seen.endpoint_hits, seen.endpoint_misses));
        log_info("statistics: max simultaneous domains={} addresses={} connection={}",
                 seen.most_destinations, seen.most_endpoints, seen.most_connections);
    }
    cache_.statistics = {};
    interval_start_ = std::time(nullptr);
}

Task<void> Scache::background() {
    Deadline next_report = Deadline::after(conf().connection_cache_status_update_time());
    for (;;) {
        co_await sleep_for(std::chrono::seconds(1));
        cache_.expire();
        if (next_report.passed()) {
            log_statistics();
            next_report = Deadline::after(conf().connection_cache_status_update_time());
        }
    }
}

// It is handed connections, and hands them on.
constexpr SandboxTable kSandbox = {
    .files = {},
};

constexpr DaemonTraits kTraits = {.name = "scache",
                                  .kind = ServiceKind::kShared,
                                  .limit = ProcessLimit::kOne,
                                  .sandbox = &kSandbox};

}  // namespace

int main(int argc, char** argv) {
    return run_daemon(argc, argv, kTraits, [] { return std::make_unique<Scache>(); });
}
