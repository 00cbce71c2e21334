// flush(8): remembers which deferred messages are for which domain (of fast_flush_domains), and
// puts them back into the incoming queue when somebody asks for that domain's mail.  Called over
// public/flush by bounce (add), smtpd (ETRN), postqueue and sendmail; some of these run for
// untrusted users, so names are checked.  Runs as mail_owner; touches flush/, deferred/ and
// incoming/.
//
//   add        site queue_id    note a deferred message
//   send_site  site             release the messages of a site
//   send_file  queue_id         release one message
//   rfrsh                       release what nobody has asked for during fast_flush_refresh_time
//   purge                       release all that is noted
//
// The reply is one number (FlushStatus); the last two reply before they begin.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/attr_service.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/flush_client.h"
#include "lib/ipc/service_client.h"
#include "lib/maps/match_list.h"
#include "lib/queue/queue_config.h"

#include "services/flush/site_log.h"

using namespace relais;
using namespace relais::flush;

namespace {

constexpr std::size_t kMaxRequest = 10000;

class FlushDaemon : public Daemon {
  public:
    FlushDaemon() : dirs_(queue_dirs_from(conf())) {}

    void before_jail() override {
        domains_ = MatchList("fast_flush_domains", conf().fast_flush_domains(),
                             MatchList::Kind::kDomain, parent_style("fast_flush_domains"));
    }

    Task<void> serve(Connection connection) override;

  private:
    [[nodiscard]] Task<int> answer(AttrReader in);
    [[nodiscard]] Task<int> check_site(std::string site);
    [[nodiscard]] Task<int> add(std::string site, std::string queue_id);
    [[nodiscard]] Task<int> send_site(std::string site);
    [[nodiscard]] Task<int> send_file(std::string queue_id);
    [[nodiscard]] Task<int> release_log(std::string file_name, DeadSites dead_sites);
    [[nodiscard]] Task<void> refresh(long age);

    QueueDirs dirs_;
    MatchList domains_;
};

Task<void> tell_queue_manager(std::string what) {
    std::string socket = "public/" + conf().queue_service_name();
    auto sent = co_await send_trigger(std::move(socket), std::move(what), std::chrono::seconds(10));
    if (!sent) {
        log_warning("{}", sent.error().message);
    }
}

Task<int> FlushDaemon::check_site(std::string site) {
    // "[192.0.2.1]" and "192.0.2.1" are listed as addresses.
    std::string name = site;
    if (name.starts_with('[') && name.ends_with(']')) {
        name = name.substr(1, name.size() - 2);
    }
    switch (co_await domains_.match(name)) {
        case Match::kYes:
            co_return site_file_name(site).empty() ? kFlushBad : kFlushOk;
        case Match::kNo:
            co_return kFlushDeny;
        case Match::kError:
            break;
    }
    co_return kFlushFail;
}

Task<int> FlushDaemon::add(std::string site, std::string queue_id) {
    int status = co_await check_site(site);
    if (status != kFlushOk) {
        co_return status;
    }
    if (!valid_queue_id(queue_id)) {
        co_return kFlushBad;
    }
    if (auto added = append_to_log(dirs_, site_file_name(site), queue_id); !added) {
        log_warning("{}", added.error().message);
        co_return kFlushFail;
    }
    co_return kFlushOk;
}

Task<int> FlushDaemon::release_log(std::string file_name, DeadSites dead_sites) {
    auto ids = take_log(dirs_, file_name);
    if (!ids) {
        log_warning("{}", ids.error().message);
        co_return kFlushFail;
    }
    int released = 0;
    for (const std::string& id : *ids) {
        released += release_message(dirs_, id, dead_sites) ? 1 : 0;
        co_await yield();
    }
    if (released > 0) {
        co_await tell_queue_manager("I");
    }
    co_return kFlushOk;
}

Task<int> FlushDaemon::send_site(std::string site) {
    int status = co_await check_site(site);
    if (status != kFlushOk) {
        co_return status;
    }
    // Destinations that were thought dead get another chance.
    co_await tell_queue_manager("F");
    co_return co_await release_log(site_file_name(site), DeadSites::kRespect);
}

Task<int> FlushDaemon::send_file(std::string queue_id) {
    if (!valid_queue_id(queue_id)) {
        co_return kFlushBad;
    }
    if (release_message(dirs_, queue_id, DeadSites::kTry)) {
        co_await tell_queue_manager("I");
    }
    co_return kFlushOk;
}

Task<void> FlushDaemon::refresh(long age) {
    for (const std::string& name : old_logs(dirs_, age, conf().fast_flush_purge_time().count())) {
        co_await release_log(name, DeadSites::kTry);
    }
}

Task<int> FlushDaemon::answer(AttrReader in) {
    std::string what = in.string("request");
    int status = kFlushBad;
    if (what == "add") {
        std::string site = in.string("site");
        std::string queue_id = in.string("queue_id");
        if (!in.failed()) {
            status = co_await add(std::move(site), std::move(queue_id));
        }
    } else if (what == "send_site") {
        std::string site = in.string("site");
        if (!in.failed()) {
            status = co_await send_site(std::move(site));
        }
    } else if (what == "send_file") {
        std::string queue_id = in.string("queue_id");
        if (!in.failed()) {
            status = co_await send_file(std::move(queue_id));
        }
    } else {
        log_warning("unrecognized fast flush request: \"{}\"", printable(what));
    }
    co_return status;
}

Task<void> FlushDaemon::serve(Connection connection) {
    StatusConversation client(std::move(connection), kFlushProtocol, kMaxRequest);
    bool more = co_await client.stream().fill();
    if (!more) {
        co_return;
    }
    // master's wake-up call is a "W" and a NUL, where requests begin with an attribute's name.
    const std::string_view begin = client.stream().buffered();
    if (begin.starts_with('W') && begin.size() <= 2) {
        co_await refresh(conf().fast_flush_refresh_time().count());
        co_return;
    }
    for (;;) {
        auto request = co_await client.next();
        if (!request) {
            co_return;
        }
        std::string what = AttrReader(*request).string("request");
        if (what == "rfrsh" || what == "purge") {
            client.reply(kFlushOk);
            co_await client.stream().flush();
            co_await refresh(what == "purge" ? 0 : conf().fast_flush_refresh_time().count());
            co_return;
        }
        int status = co_await answer(AttrReader(*request));
        client.reply(status);
    }
}

// Mail that is to be tried again moves.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "flush"},
              {Access::kChange, "deferred"},
              {Access::kChange, "incoming"},
              {Access::kRead, "active"},
              {Access::kRead, "$config_directory"},
              {Access::kWrite, "public"}},
};

constexpr DaemonTraits kTraits = {
    .name = "flush", .limit = ProcessLimit::kNone, .sandbox = &kSandbox};

}  // namespace

int main(int argc, char** argv) {
    return run_daemon(argc, argv, kTraits, [] { return std::make_unique<FlushDaemon>(); });
}
