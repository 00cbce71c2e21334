// postscreen(8): the first to talk to whoever connects to port 25.  Most of them are after no good;
// only clients that pass its tests get to an smtpd process.  One process for all clients, since all
// of them share one cache of results.  Trusts nothing that a client says; asks dnsblog about its
// address, lets tlsproxy do TLS, hands good connections over to the smtpd service of type `pass`.
// Takes no mail.
//
//   client.cc         one client's way through all of it
//   endpoints.cc      who it is; what a proxy says about it
//   access_list.cc    static verdicts
//   test_results.cc   an entry of the cache: which tests were passed, until when
//   early_tests.cc    the tests before the greeting; dnsbl_client.cc, dnsbl_sites.cc the DNS lists
//   smtp_engine.cc    the conversation with those who stay here, and the tests in it;
//                     smtp_commands.cc, smtp_starttls.cc
//   handover.cc       the way to smtpd
//   site.cc           what clients share; settings.cc the parameters
#include <ctime>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/task_group.h"
#include "lib/maps/shared_tables.h"

#include "postscreen/client.h"
#include "postscreen/site.h"

using namespace relais;
using namespace relais::postscreen;

namespace {

class Postscreen : public Daemon {
  public:
    void before_jail() override {
        const auto& proxy = conf().postscreen_upstream_proxy_protocol();
        if (!proxy.empty() && proxy != "haproxy") {
            log_fatal("unsupported postscreen_upstream_proxy_protocol value: {}", proxy);
        }
        site_ = std::make_unique<Site>();
    }

    Task<void> background() override {
        cleaning_.spawn(clean_cache());
        co_return;
    }

    Task<void> serve(Connection connection) override {
        auto client = std::make_unique<Client>(*site_, std::move(connection.fd));
        co_await client->run();
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

    std::chrono::seconds watchdog_timeout() const override {
        return conf().postscreen_watchdog_timeout();
    }

    // The next process must be able to lock the cache.
    Task<void> retiring() override {
        co_await cleaning_.close();
        site_->cache.reset();
    }

    Task<void> shut_down() override {
        co_await cleaning_.close();
        co_await site_->dnsbl.close();
    }

  private:
    [[nodiscard]] Task<void> clean_cache();

    TaskGroup cleaning_;
    std::unique_ptr<Site> site_;
};

// An entry is kept for a while after its results have expired, so that the client is OLD when it
// passes again.
Task<void> Postscreen::clean_cache() {
    const auto interval = conf().postscreen_cache_cleanup_interval();
    while (interval.count() > 0 && site_->cache) {
        const auto wait = site_->cache->until_clean_up(interval, std::time(nullptr));
        co_await sleep_for(wait);
        const auto oldest = std::time(nullptr) - conf().postscreen_cache_retention_time().count();
        const auto enabled = site_->settings.enabled;
        co_await site_->cache->clean_up([oldest, enabled](std::string_view entry) {
            return parse_results(entry).expired(enabled, oldest) == 0;
        });
    }
}

}  // namespace

// Its cache is a table; dnsblog asks the DNS for it, and tlsproxy does TLS.
constexpr SandboxTable kSandbox = {
    .files = {{relais::Access::kRead, "$config_directory"}},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "postscreen";
    traits.kind = ServiceKind::kShared;
    traits.limit = ProcessLimit::kOne;
    traits.lifetime = Lifetime::kEndless;
    traits.retirement = Retirement::kInBackground;
    traits.most_sessions = 1'000'000;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Postscreen>(); });
}
