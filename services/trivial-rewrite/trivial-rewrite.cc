// trivial-rewrite(8): puts addresses into standard form and resolves them to transport, next hop
// and recipient.  smtpd, cleanup, qmgr and local ask it over private/rewrite (lib/ipc/
// rewrite_client.h); it believes what they say.  It reads tables, and touches nothing else.
//
// The work is done by lib/maps: address_rewriter.h and address_resolver.h.
#include <memory>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/attr_service.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/maps/shared_tables.h"
#include "lib/rules/address_resolver.h"
#include "lib/rules/address_rewriter.h"

using namespace relais;

namespace {

constexpr std::size_t kMaxRequest = std::size_t{1} << 20;

class TrivialRewrite : public Daemon {
  public:
    // Tables are opened here, before the jail.
    void before_jail() override {
        local_.emplace(AddressRewriter::local());
        remote_.emplace(AddressRewriter::remote());
        lists_ = std::make_unique<ResolverLists>();
        delivery_ = std::make_unique<AddressResolver>(lists_.get(), ResolveFor::kDelivery);
        verification_ = std::make_unique<AddressResolver>(lists_.get(), ResolveFor::kVerification);
    }

    Task<void> background() override { return delivery_->try_out(); }

    Task<void> serve(Connection connection) override;

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    [[nodiscard]] Task<bool> answer(const Attributes* request, AttrWriter* reply) const;
    bool rewrite(AttrReader& request, AttrWriter& reply) const;

    std::optional<AddressRewriter> local_;
    std::optional<AddressRewriter> remote_;
    std::unique_ptr<ResolverLists> lists_;
    std::unique_ptr<AddressResolver> delivery_;
    std::unique_ptr<AddressResolver> verification_;
};

bool TrivialRewrite::rewrite(AttrReader& request, AttrWriter& reply) const {
    std::string rule = request.string("rule");
    std::string address = request.string("address");
    if (request.failed()) {
        log_warning("malformed request: {}", request.error());
        return false;
    }
    if (rule != "local" && rule != "remote") {
        log_warning("unknown context: {}", printable(rule));
        return false;
    }
    if (address.empty()) {
        log_warning("rewrite_addr: null address");
    } else {
        address = (rule == "local" ? local_ : remote_)->rewrite(address);
    }
    reply.number("flags", 0).string("address", address).end();
    return true;
}

// False where the request cannot be answered: the client is dropped.
Task<bool> TrivialRewrite::answer(const Attributes* request, AttrWriter* reply) const {
    AttrReader reader(*request);
    std::string command = reader.string("request");
    if (command == "rewrite") {
        co_return rewrite(reader, *reply);
    }
    if (command != "resolve" && command != "verify") {
        log_warning("bad command {}", printable(command));
        co_return false;
    }
    std::string sender = reader.string("sender");
    std::string address = reader.string("address");
    if (reader.failed()) {
        log_warning("malformed request: {}", reader.error());
        co_return false;
    }
    const AddressResolver& resolver = command == "verify" ? *verification_ : *delivery_;
    Resolved resolved = co_await resolver.resolve(std::move(sender), std::move(address));
    reply->number("flags", 0)
        .string("transport", resolved.transport)
        .string("nexthop", resolved.nexthop)
        .string("recipient", resolved.recipient)
        .number("flags", resolved.flags)
        .end();
    co_return true;
}

Task<void> TrivialRewrite::serve(Connection connection) {
    return serve_attributes(
        std::move(connection), kRewriteProtocol, kMaxRequest,
        [this](const Attributes* request, AttrWriter* reply) { return answer(request, reply); });
}

}  // namespace

constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "$config_directory"}, {Access::kRead, "@names"}},
};

int main(int argc, char** argv) {
    return run_daemon(
        argc, argv, {.name = "trivial-rewrite", .kind = ServiceKind::kShared, .sandbox = &kSandbox},
        [] { return std::make_unique<TrivialRewrite>(); });
}
