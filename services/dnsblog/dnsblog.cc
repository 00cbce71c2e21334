// dnsblog(8): asks DNS lists about addresses, one question for each connection, and writes down who
// is listed.  Called by postscreen over private/dnsblog.  Trusts no answer of a list: it is taken
// apart as any DNS message, and only addresses come out.  Touches no file.
#include "lib/ipc/dnsblog.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/dns/resolver.h"
#include "lib/dns/reversed_address.h"
#include "lib/event/stream.h"

using namespace relais;

namespace {

constexpr std::size_t kLongestRequest = 4096;

class Dnsblog : public Daemon {
  public:
    void before_jail() override { resolver_ = std::make_unique<Resolver>(); }

    Task<void> serve(Connection connection) override;

  private:
    [[nodiscard]] Task<DnsblogReply> answer(DnsblogRequest request);

    std::unique_ptr<Resolver> resolver_;
};

// What is listed, and for how long that is good.
void note_found(const DnsAnswer& answer, DnsblogReply& reply) {
    reply.ttl = std::numeric_limits<std::int32_t>::max();
    for (const auto& record : answer.records) {
        reply.ttl = std::min<std::int64_t>(reply.ttl, record.ttl);
        reply.addresses += reply.addresses.empty() ? "" : " ";
        reply.addresses += record.text;
        log_info("addr {} listed by domain {} as {}", reply.request.address, reply.request.domain,
                 record.text);
    }
}

Task<DnsblogReply> Dnsblog::answer(DnsblogRequest request) {
    DnsblogReply reply{std::move(request), {}, -1};
    const auto& asked = reply.request;
    const auto reversed = reversed_address(asked.address);
    if (reversed.empty()) {
        log_warning("dnsblog_query: unable to convert address {}", printable(asked.address));
        co_return reply;
    }
    const auto name = reversed + "." + asked.domain;
    const auto found = co_await resolver_->lookup(name, DnsType::kA);
    if (found.found()) {
        note_found(found, reply);
    } else if (found.status == DnsStatus::kNotFound) {
        if (log_verbose() > 0) {
            log_info("dnsblog_query: addr {} not listed by domain {}", asked.address, asked.domain);
        }
        reply.ttl = found.negative_ttl ? static_cast<std::int64_t>(*found.negative_ttl) : -1;
    } else {
        log_warning("dnsblog_query: lookup error for DNS query {}: {}", name, found.reason);
    }
    co_return reply;
}

Task<void> Dnsblog::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(conf().ipc_timeout());
    const auto attributes = co_await read_attributes(&stream, AttrEncoding::kNul, kLongestRequest);
    auto request = attributes ? parse_dnsblog_request(*attributes)
                              : Result<DnsblogRequest>(fail_with(attributes));
    if (!request) {
        if (!attributes && attributes.error().code == Errc::kClosed) {
            co_return;
        }
        log_warning("request from postscreen: {}", request.error().message);
        co_return;
    }
    const auto reply = co_await answer(std::move(*request));
    if (conf().dnsblog_reply_delay().count() > 0) {
        co_await sleep_for(conf().dnsblog_reply_delay());
    }
    stream.write(format_dnsblog_reply(reply));
    co_await stream.flush();
}

}  // namespace

constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "@names"}},
    .reach = Reach::kResolver,
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "dnsblog";
    traits.limit = ProcessLimit::kNone;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Dnsblog>(); });
}
