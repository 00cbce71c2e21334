// tlsmgr(8): TLS sessions for resumption, the keys of session tickets, random bytes.  Called over
// private/tlsmgr by smtpd, smtp and whoever speaks TLS (lib/ipc/tlsmgr_client.h).  Believes its
// clients, which all run as mail_owner; keeps everything in memory, but for
// tls_random_exchange_name.
//
// Replies begin with a status (TlsmgrStatus):
//   seed    size                           seed
//   policy  cache_type                     cachable timeout
//   lookup  cache_type cache_id            session
//   update  cache_type cache_id session    -
//   delete  cache_type cache_id            -
//   tktkey  keyname                        keybuf
#include <array>
#include <ctime>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/event/task_group.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/tlsmgr_client.h"
#include "lib/tls/random.h"

#include "services/tlsmgr/entropy.h"
#include "services/tlsmgr/session_cache.h"
#include "services/tlsmgr/ticket_keys.h"

using namespace relais;
using namespace relais::tlsmgr;

namespace {

constexpr std::size_t kMaxRequest = 200000;
constexpr std::uint32_t kMaxSeed = 255;
constexpr auto kQuietTime = std::chrono::hours(24 * 7);

struct NamedCache {
    std::string_view type;
    SessionCache cache;
};

SessionCache cache_for(const std::string& prefix) {
    auto lifetime = conf().time_value(prefix + "_tls_session_cache_timeout").count();
    bool wanted = !conf().text_value(prefix + "_tls_session_cache_database").empty();
    return {lifetime, wanted && lifetime > 0};
}

class Tlsmgr : public Daemon {
  public:
    Tlsmgr()
        : caches_{{{"smtpd", cache_for("smtpd")},
                   {"smtp", cache_for("smtp")},
                   {"lmtp", cache_for("lmtp")}}},
          keys_(conf().smtpd_tls_session_cache_timeout().count()) {}

    Task<void> serve(Connection connection) override;

    void before_jail() override {
        source_.emplace(conf().tls_random_source());
        const ActingAsMailOwner owner(conf().mail_owner());
        exchange_.emplace(conf().tls_random_exchange_name());
    }

    void after_jail() override {
        exchange_->update();
        source_->feed(random_size());
    }

    Task<void> background() override {
        TaskGroup all;
        all.spawn(expire_sessions());
        all.spawn(reseed());
        all.spawn(save_state());
        co_await all.join();
    }

  private:
    [[nodiscard]] Task<void> expire_sessions();
    [[nodiscard]] Task<void> reseed();
    [[nodiscard]] Task<void> save_state();

    static std::size_t random_size() { return static_cast<std::size_t>(conf().tls_random_bytes()); }

    // False for a request that can't be answered.
    bool answer(const Attributes& request, AttrWriter& reply);
    void answer_seed(AttrReader& in, AttrWriter& reply);
    void answer_ticket_key(AttrReader& in, AttrWriter& reply);
    void answer_session(const std::string& request, AttrReader& in, AttrWriter& reply);
    void answer_policy(AttrReader& in, AttrWriter& reply);
    SessionCache* find_cache(const std::string& type);

    std::array<NamedCache, 3> caches_;
    TicketKeys keys_;
    std::optional<EntropySource> source_;
    std::optional<ExchangeFile> exchange_;
};

Task<void> Tlsmgr::expire_sessions() {
    for (;;) {
        co_await sleep_for(std::chrono::minutes(1));
        for (NamedCache& one : caches_) {
            one.cache.expire(std::time(nullptr));
        }
    }
}

// At a time within the period that nobody can foretell, and not at once.
static std::chrono::milliseconds some_time_within(std::chrono::seconds period) {
    constexpr int kSteps = 255;
    const int step = static_cast<unsigned char>(random_bytes(1).front());
    return std::chrono::seconds(1) + std::chrono::milliseconds(period) * step / kSteps;
}

Task<void> Tlsmgr::reseed() {
    for (;;) {
        co_await sleep_for(some_time_within(conf().tls_random_reseed_period()));
        source_->feed(random_size());
    }
}

Task<void> Tlsmgr::save_state() {
    for (;;) {
        co_await sleep_for(some_time_within(conf().tls_random_prng_update_period()));
        exchange_->update();
    }
}

SessionCache* Tlsmgr::find_cache(const std::string& type) {
    for (NamedCache& one : caches_) {
        if (one.type == type) {
            return &one.cache;
        }
    }
    log_warning("bogus cache type \"{}\" in a request", printable(type));
    return nullptr;
}

void Tlsmgr::answer_seed(AttrReader& in, AttrWriter& reply) {
    std::uint32_t size = in.number("size");
    bool good = !in.failed() && size > 0 && size <= kMaxSeed;
    if (!in.failed() && !good) {
        log_warning("bogus seed length \"{}\" in \"seed\" request",
                    static_cast<std::int32_t>(size));
    }
    reply.number("status", good ? kTlsmgrOk : kTlsmgrFail);
    reply.data("seed", good ? random_bytes(size) : "");
}

void Tlsmgr::answer_ticket_key(AttrReader& in, AttrWriter& reply) {
    std::string name = in.data("keyname");
    std::int64_t now = std::time(nullptr);
    const TicketKeyRecord* key = nullptr;
    if (!in.failed() && conf().smtpd_tls_session_cache_timeout().count() > 0) {
        key = name.empty() ? &keys_.current(now) : keys_.find(name, now);
    }
    reply.number("status", key != nullptr ? kTlsmgrOk : kTlsmgrError);
    reply.data("keybuf", key != nullptr ? encode_ticket_key(*key) : "");
}

void Tlsmgr::answer_policy(AttrReader& in, AttrWriter& reply) {
    const SessionCache* cache = find_cache(in.string("cache_type"));
    reply.number("status", cache != nullptr ? kTlsmgrOk : kTlsmgrError);
    reply.number("cachable", cache != nullptr && cache->enabled() ? 1 : 0);
    reply.number("timeout", cache != nullptr ? cache->lifetime() : 0);
}

void Tlsmgr::answer_session(const std::string& request, AttrReader& in, AttrWriter& reply) {
    SessionCache* cache = find_cache(in.string("cache_type"));
    std::string id = in.string("cache_id");
    std::int64_t now = std::time(nullptr);
    if (request == "lookup") {
        auto session = cache != nullptr ? cache->find(id, now) : std::nullopt;
        reply.number("status", session ? kTlsmgrOk : kTlsmgrError);
        reply.data("session", session.value_or(""));
        return;
    }
    bool done = false;
    if (cache != nullptr && request == "update") {
        std::string session = in.data("session");
        done = cache->enabled() && !in.failed();
        if (done) {
            cache->store(std::move(id), std::move(session), now);
        }
    } else if (cache != nullptr) {
        done = cache->remove(id);
    }
    reply.number("status", done ? kTlsmgrOk : kTlsmgrError);
}

bool Tlsmgr::answer(const Attributes& request, AttrWriter& reply) {
    AttrReader in(request);
    std::string what = in.string("request");
    if (what == "seed") {
        answer_seed(in, reply);
    } else if (what == "policy") {
        answer_policy(in, reply);
    } else if (what == "lookup" || what == "update" || what == "delete") {
        answer_session(what, in, reply);
    } else if (what == "tktkey") {
        answer_ticket_key(in, reply);
    } else {
        log_warning("unrecognized request \"{}\"", printable(what));
        reply.number("status", kTlsmgrFail);
    }
    reply.end();
    return !in.failed();
}

// master's wake-up call: the byte "W" and a NUL.
bool is_wakeup(std::string_view bytes) {
    return bytes.starts_with('W');
}

Task<void> Tlsmgr::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(kQuietTime);
    AttrWriter hello;
    hello.string("protocol", kTlsmgrProtocol).end();
    stream.write(hello.bytes());
    bool more = co_await stream.fill();
    if (!more || is_wakeup(stream.buffered())) {
        co_return;
    }
    for (;;) {
        auto request = co_await read_attributes(&stream, AttrEncoding::kNul, kMaxRequest);
        if (!request) {
            co_return;
        }
        AttrWriter reply;
        if (!answer(*request, reply)) {
            log_warning("malformed request");
            co_return;
        }
        stream.write(reply.bytes());
    }
}

constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "$data_directory"}},
};

constexpr DaemonTraits kTraits = {.name = "tlsmgr",
                                  .kind = ServiceKind::kShared,
                                  .limit = ProcessLimit::kOne,
                                  .lifetime = Lifetime::kEndless,
                                  .sandbox = &kSandbox};

}  // namespace

int main(int argc, char** argv) {
    return run_daemon(argc, argv, kTraits, [] { return std::make_unique<Tlsmgr>(); });
}
