// proxy:type:name - a table that proxymap(8) holds open for everybody, or proxywrite(8) where
// entries are changed.  So a process in a jail reads tables outside of it, and SQL servers see few
// connections.
#include <memory>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/ipc/blocking_client.h"
#include "lib/ipc/proxymap.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

using namespace table_flag;

// What the request may say about how the table is to be opened.
constexpr TableFlags kRequestFlags = kFoldFixed | kFoldPattern | kLock | kWarnDuplicate |
                                     kIgnoreDuplicate | kReplace | kSyncUpdate | kParanoid |
                                     kUtf8Request;
constexpr int kTries = 10;

// Relative to the queue directory, where daemons work; commands may be anywhere.
std::string socket_of(const std::string& service) {
    std::string path = "private/" + service;
    return ::access(path.c_str(), F_OK) == 0 ? path : conf().queue_directory() + "/" + path;
}

ServiceAddress address_of(const std::string& service) {
    return {.socket = socket_of(service), .protocol = std::string(kProxymapProtocol)};
}

ServiceClientLimits limits() {
    ServiceClientLimits out;
    out.timeout = conf().ipc_timeout();
    out.idle = conf().ipc_idle();
    out.lifetime = conf().ipc_ttl();
    out.tries = kTries;
    return out;
}

class ProxyTable : public Table {
  public:
    ProxyTable(const OpenRequest& request, const std::string& service, bool is_pattern)
        : Table(request.type, request.name,
                (request.flags & (kUtf8Request | kUtf8Active)) | (is_pattern ? kPattern : kFixed)),
          requested_(request.flags & kRequestFlags),
          service_(service),
          client_(address_of(service), limits()),
          blocking_(address_of(service), conf().ipc_timeout()) {}

    bool waits() const override { return true; }

    Result<std::optional<TableEntry>> sequence(Step step) override;

  protected:
    // Whoever may block may end as well: a table that proxymap does not serve is a mistake in the
    // configuration.
    Lookup find_key(std::string_view key) override {
        auto reply = call_now(lookup_request(key));
        if (reply && is_denied(*reply)) {
            log_fatal("{} service is not configured for table \"{}\"", service_, name());
        }
        return understand(reply);
    }

    Task<Lookup> lookup_key(std::string key) override {
        auto reply = co_await client_.call(lookup_request(key));
        co_return understand(reply);
    }

    Result<void> update_key(std::string_view key, std::string_view value) override {
        return confirm(call_now(update_request(key, value)));
    }

    Task<Result<void>> store_key(std::string key, std::string value) override {
        auto reply = co_await client_.call(update_request(key, value));
        co_return confirm(reply);
    }

    Result<bool> erase_key(std::string_view key) override;

  private:
    AttrWriter request_for(std::string_view command) const;
    std::string lookup_request(std::string_view key) const;
    std::string update_request(std::string_view key, std::string_view value) const;
    Result<void> confirm(const Result<Attributes>& reply) const;
    Result<Attributes> call_now(const std::string& request);
    static bool is_denied(const Attributes& reply);
    Lookup understand(const Result<Attributes>& reply) const;
    std::unexpected<Error> refusal(ProxyStatus status) const;

    TableFlags requested_;
    std::string service_;
    ServiceClient client_;
    BlockingClient blocking_;
};

AttrWriter ProxyTable::request_for(std::string_view command) const {
    AttrWriter request;
    request.string("request", command).string("table", name()).number("flags", requested_);
    return request;
}

std::string ProxyTable::lookup_request(std::string_view key) const {
    AttrWriter request = request_for("lookup");
    request.string("key", key).end();
    return request.take();
}

Result<Attributes> ProxyTable::call_now(const std::string& request) {
    for (int tried = 1;; ++tried) {
        auto reply = blocking_.call(request);
        if (reply || tried == kTries) {
            return reply;
        }
        log_warning("problem talking to service {}: {}", blocking_.address().socket,
                    reply.error().message);
        ::sleep(1);
    }
}

std::unexpected<Error> ProxyTable::refusal(ProxyStatus status) const {
    switch (status) {
        case ProxyStatus::kDenied:
            log_warning("{} service is not configured for table \"{}\"", service_, name());
            return fail(Errc::kDenied,
                        format("{} service is not configured for table \"{}\"", service_, name()));
        case ProxyStatus::kConfig:
            return fail(Errc::kCorrupt, "table configuration error");
        default:
            return fail(Errc::kTemporary, "Application error");
    }
}

bool ProxyTable::is_denied(const Attributes& reply) {
    AttrReader reader(reply);
    return static_cast<ProxyStatus>(reader.signed_number("status")) == ProxyStatus::kDenied;
}

Lookup ProxyTable::understand(const Result<Attributes>& reply) const {
    if (!reply) {
        return Lookup::retry(reply.error().message);
    }
    AttrReader reader(*reply);
    auto status = static_cast<ProxyStatus>(reader.signed_number("status"));
    std::string value = reader.string("value");
    if (reader.failed()) {
        return Lookup::retry("malformed reply of the " + service_ + " service");
    }
    if (status == ProxyStatus::kOk) {
        return Lookup::found(std::move(value));
    }
    if (status == ProxyStatus::kNoKey) {
        return Lookup::not_found();
    }
    auto refused = refusal(status);
    return refused.error().code == Errc::kTemporary ? Lookup::retry(refused.error().message)
                                                    : Lookup::config_error(refused.error().message);
}

std::string ProxyTable::update_request(std::string_view key, std::string_view value) const {
    AttrWriter request = request_for("update");
    request.string("key", key).string("value", value).end();
    return request.take();
}

Result<void> ProxyTable::confirm(const Result<Attributes>& reply) const {
    if (!reply) {
        return fail_with(reply);
    }
    AttrReader reader(*reply);
    auto status = static_cast<ProxyStatus>(reader.signed_number("status"));
    if (reader.failed() || (status != ProxyStatus::kOk && status != ProxyStatus::kNoKey)) {
        return refusal(reader.failed() ? ProxyStatus::kRetry : status);
    }
    return {};
}

Result<bool> ProxyTable::erase_key(std::string_view key) {
    AttrWriter request = request_for("delete");
    request.string("key", key).end();
    auto reply = call_now(request.take());
    if (!reply) {
        return fail_with(reply);
    }
    AttrReader reader(*reply);
    auto status = static_cast<ProxyStatus>(reader.signed_number("status"));
    if (reader.failed() || (status != ProxyStatus::kOk && status != ProxyStatus::kNoKey)) {
        return refusal(reader.failed() ? ProxyStatus::kRetry : status);
    }
    return status == ProxyStatus::kOk;
}

Result<std::optional<TableEntry>> ProxyTable::sequence(Step step) {
    AttrWriter request = request_for("sequence");
    request.number("function", step == Step::kFirst ? 0 : 1).end();
    auto reply = call_now(request.take());
    if (!reply) {
        return fail_with(reply);
    }
    AttrReader reader(*reply);
    auto status = static_cast<ProxyStatus>(reader.signed_number("status"));
    TableEntry entry;
    entry.key = reader.string("key");
    entry.value = reader.string("value");
    if (!reader.failed() && status == ProxyStatus::kNoKey) {
        return std::nullopt;
    }
    if (reader.failed() || status != ProxyStatus::kOk) {
        return refusal(reader.failed() ? ProxyStatus::kRetry : status);
    }
    return entry;
}

}  // namespace

OpenedTable open_proxy_table(const OpenRequest& request) {
    // Who must not trust proxymap's process opens the table himself: one main.cf serves both.
    if ((request.flags & kNoProxy) != 0) {
        return open_table(request.name, request.mode, request.flags);
    }
    auto inner = parse_table_reference(request.name);
    if (!inner) {
        return fail_with(inner);
    }
    const std::string& service = request.mode == OpenMode::kRead ? conf().proxymap_service_name()
                                                                 : conf().proxywrite_service_name();
    return std::make_unique<ProxyTable>(request, service, is_pattern_table(request.name));
}

}  // namespace relais
