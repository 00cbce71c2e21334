// quota-status: tells policy clients (check_policy_service of smtpd, ours or Postfix's) whether a
// recipient's mailbox has room, so that mail for full ones is refused before it is taken.  Trusts
// no client: what it says is an address and a size.  Runs as mail_owner; who the recipient is, auth
// says, and mailboxes are looked into by processes with their owners' ids
// (lib/access/delivery_pool.h).
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "lib/access/delivery_pool.h"
#include "lib/access/user.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"
#include "lib/mail/address.h"

namespace relais {
namespace {

using Kind = DeliveryResult::Kind;

constexpr std::size_t kLongestRequest = 65536;
constexpr std::string_view kNoAnswer = "DUNNO";
constexpr std::string_view kTrouble = "DEFER_IF_PERMIT Temporary internal error";

struct PolicyRequest {
    std::string recipient;
    std::int64_t size = 1;  // a mailbox that is full takes not even a byte
};

// Names come in any order.
PolicyRequest parse_request(const Attributes& attributes) {
    PolicyRequest request;
    for (const auto& [name, value] : attributes) {
        if (name == "recipient") {
            request.recipient = value;
        } else if (name == "size") {
            auto size = parse_uint(value);
            constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
            request.size =
                static_cast<std::int64_t>(std::clamp<std::uint64_t>(size.value_or(1), 1, kMost));
        }
    }
    return request;
}

std::string user_of(const std::string& recipient) {
    std::string address = unquote_address(recipient);
    auto stripped =
        strip_extension(address, conf().recipient_delimiter(), conf().double_bounce_sender());
    return stripped ? stripped->address : address;
}

class QuotaStatus : public Daemon {
  public:
    void before_jail() override {
        if (!process_info().has_master) {
            log_fatal("quota-status is started by master, not by hand");
        }
        pool_.emplace();
        static_cast<void>(quota_settings());
    }

    Task<void> background() override { co_await pool_->keep_house(); }

    Task<void> serve(Connection connection) override {
        Stream stream(std::move(connection.fd));
        stream.set_timeout(conf().max_idle());
        try {
            bool more = true;
            while (more) {
                more = co_await answer_one(&stream);
            }
        } catch (const TimedOut&) {
        } catch (const IoError&) {
            // The client has gone.
        }
    }

    Task<void> shut_down() override { co_await pool_->close(); }

  private:
    // False at the end of the conversation.
    Task<bool> answer_one(Stream* stream) {
        auto list = co_await read_attributes(stream, AttrEncoding::kPlain, kLongestRequest);
        if (!list) {
            if (list.error().code != Errc::kClosed) {
                log_warning("malformed policy request: {}", list.error().message);
            }
            co_return false;
        }
        std::string action = co_await answer(parse_request(*list));
        stream->write(format("action={}\n\n", action));
        co_await stream->flush();
        co_return true;
    }

    Task<std::string> answer(PolicyRequest request) {
        if (request.recipient.empty()) {
            co_return std::string(kNoAnswer);
        }
        std::string user = user_of(request.recipient);
        auto found = co_await pool_->find(user);
        if (!found) {
            bool unknown = found.error().code == Errc::kNotFound;
            if (!unknown) {
                log_warning("user {}: {}", printable(user), found.error().message);
            }
            co_return unknown ? conf().quota_status_nouser() : std::string(kTrouble);
        }
        DeliveryOrder order;
        order.check_only = true;
        order.size = order.wire_size = request.size;
        order.recipients.emplace_back().identity = std::move(found->identity);
        auto results = co_await pool_->carry_out(std::move(order), -1);
        co_return action_for(results.front(), user);
    }

    static std::string action_for(const DeliveryResult& result, const std::string& user) {
        switch (result.kind) {
            case Kind::kSaved:
                return conf().quota_status_success();
            case Kind::kOverQuota:
                return conf().quota_status_overquota();
            case Kind::kTooLarge:
                return conf().quota_status_toolarge().empty() ? conf().quota_status_overquota()
                                                              : conf().quota_status_toolarge();
            case Kind::kDiskFull:
            case Kind::kTrouble:
                break;
        }
        log_warning("user {}: {}", printable(user), result.text);
        return std::string(kTrouble);
    }

    std::optional<DeliveryPool> pool_;
};

}  // namespace
}  // namespace relais

// It asks auth, and the processes that deliver.
constexpr relais::SandboxTable kSandbox = {
    .files = {},
};

int main(int argc, char** argv) {
    relais::DaemonTraits traits;
    traits.name = "quota-status";
    traits.privilege = relais::Privilege::kNever;
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::QuotaStatus>(); });
}
