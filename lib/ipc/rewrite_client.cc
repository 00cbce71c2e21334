#include "lib/ipc/rewrite_client.h"

#include <utility>

#include "lib/config/config.h"

namespace relais {

namespace {

constexpr auto kKeepTime = std::chrono::seconds(30);
constexpr std::size_t kMostKept = 1000;
constexpr int kTries = 1000;  // a message waits for the resolver rather than fail

ServiceAddress rewrite_address() {
    return {.socket = "private/" + conf().rewrite_service_name(),
            .protocol = std::string(kRewriteProtocol)};
}

ServiceClientLimits rewrite_limits(std::chrono::milliseconds timeout) {
    ServiceClientLimits limits;
    limits.timeout = timeout;
    limits.idle = conf().ipc_idle();
    limits.lifetime = conf().ipc_ttl();
    limits.tries = kTries;
    return limits;
}

std::unexpected<Error> malformed(const AttrReader& reader) {
    return fail(Errc::kCorrupt,
                "malformed reply of the address rewriting service: " + reader.error());
}

}  // namespace

RewriteClient::RewriteClient() : RewriteClient(conf().ipc_timeout()) {
}

RewriteClient::RewriteClient(std::chrono::milliseconds timeout)
    : client_(rewrite_address(), rewrite_limits(timeout)) {
}

const Resolved* RewriteClient::find(const std::string& key) const {
    auto found = kept_.find(key);
    bool fresh = found != kept_.end() && !found->second.until.passed();
    return fresh ? &found->second.answer : nullptr;
}

void RewriteClient::keep(std::string key, const Resolved& answer) {
    if (kept_.size() >= kMostKept) {
        kept_.clear();
    }
    kept_[std::move(key)] = Kept{answer, Deadline::after(kKeepTime)};
}

Task<Result<std::string>> RewriteClient::rewrite(RewriteContext context, std::string address) {
    std::string rule = context == RewriteContext::kLocal ? "local" : "remote";
    std::string key = rule + '\0' + address;
    if (const Resolved* kept = find(key)) {
        co_return kept->recipient;
    }
    AttrWriter request;
    request.string("request", "rewrite").string("rule", rule).string("address", address).end();
    auto reply = co_await client_.call(request.take());
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    reader.number("flags");
    std::string rewritten = reader.string("address");
    if (reader.failed()) {
        co_return malformed(reader);
    }
    keep(std::move(key), Resolved{.transport = {}, .nexthop = {}, .recipient = rewritten});
    co_return std::move(rewritten);
}

Task<Result<Resolved>> RewriteClient::resolve(std::string sender, std::string address,
                                              ResolveFor purpose) {
    if (shortcut_ && purpose == ResolveFor::kDelivery) {
        if (auto known = shortcut_(sender, address)) {
            co_return std::move(*known);
        }
    }
    std::string kind = purpose == ResolveFor::kVerification ? "verify" : "resolve";
    std::string key = kind + '\0' + sender + '\0' + address;
    if (const Resolved* kept = find(key)) {
        co_return *kept;
    }
    AttrWriter request;
    request.string("request", kind).string("sender", sender).string("address", address).end();
    auto reply = co_await client_.call(request.take());
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    reader.number("flags");
    Resolved out;
    out.transport = reader.string("transport");
    out.nexthop = reader.string("nexthop");
    out.recipient = reader.string("recipient");
    out.flags = static_cast<int>(reader.number("flags"));
    if (reader.failed()) {
        co_return malformed(reader);
    }
    if (!out.failed()) {
        keep(std::move(key), out);
    }
    co_return std::move(out);
}

}  // namespace relais
