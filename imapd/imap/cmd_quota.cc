// GETQUOTA, GETQUOTAROOT, SETQUOTA.  RFC 9208
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/imap/format.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

constexpr std::int64_t kUnit = 1024;  // STORAGE counts these

std::int64_t units(std::int64_t bytes) {
    return (bytes + kUnit - 1) / kUnit;
}

std::string quoted_root() {
    std::string out;
    imap::append_string(out, conf().quota_root_name());
    return out;
}

// "* QUOTA root (STORAGE used limit MESSAGE used limit)"
Task<Result<std::string>> quota_response(const MailQuota* quota) {
    std::vector<std::string> resources;
    QuotaAmount limit = quota->rules().limit();
    if (quota->limited()) {
        auto look = [quota] { return quota->usage(); };
        auto usage = co_await run_blocking(std::move(look));
        if (!usage) {
            co_return fail_with(usage);
        }
        if (limit.bytes > 0) {
            resources.push_back(format("STORAGE {} {}", units(usage->bytes), units(limit.bytes)));
        }
        if (limit.messages > 0) {
            resources.push_back(format("MESSAGE {} {}", usage->messages, limit.messages));
        }
    }
    co_return format("* QUOTA {} ({})\r\n", quoted_root(), join(resources, " "));
}

Reply no_quotas(const Command& command) {
    return Reply::bad(format("Error in IMAP command {}: Unknown command.", command.name));
}

}  // namespace

Task<Reply> cmd_getquota(Session& session, Command& command) {
    const MailQuota* quota = session.user.quota();
    if (quota == nullptr) {
        co_return no_quotas(command);
    }
    auto root = command.arguments.space() ? command.arguments.astring() : std::nullopt;
    if (!root || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    if (*root != conf().quota_root_name()) {
        co_return Reply::no("[NONEXISTENT] Quota root doesn't exist");
    }
    auto response = co_await quota_response(quota);
    if (!response) {
        co_return failure(response.error());
    }
    session.stream.write(*response);
    co_return Reply::ok("Getquota completed.");
}

// All mailboxes of the user have the one root; that one does not exist yet changes nothing.
Task<Reply> cmd_getquotaroot(Session& session, Command& command) {
    const MailQuota* quota = session.user.quota();
    if (quota == nullptr) {
        co_return no_quotas(command);
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    if (session.user.tree().exists(*name)) {
        auto refused = refuse_mailbox(session, *name, AclRights::of("r"));
        if (refused) {
            co_return std::move(*refused);
        }
    }
    std::string out = "* QUOTAROOT ";
    session.append_name(out, *name);
    if (!session.user.is_own(*name)) {
        session.stream.write(out + "\r\n");
        co_return Reply::ok("Getquotaroot completed.");
    }
    auto response = co_await quota_response(quota);
    if (!response) {
        co_return failure(response.error());
    }
    session.stream.write(format("{} {}\r\n{}", out, quoted_root(), *response));
    co_return Reply::ok("Getquotaroot completed.");
}

// Limits are the administrator's business.
Task<Reply> cmd_setquota(Session& session, Command& command) {
    if (session.user.quota() == nullptr) {
        co_return no_quotas(command);
    }
    auto root = command.arguments.space() ? command.arguments.astring() : std::nullopt;
    if (!root) {
        co_return bad_arguments(command);
    }
    co_return Reply::no("[NOPERM] Quota can be changed only by admin");
}

Task<std::optional<Reply>> refuse_over_quota(Session& session, std::string mailbox,
                                             QuotaAmount more) {
    auto verdict = co_await session.user.room_for(std::move(mailbox), more);
    if (!verdict) {
        co_return failure(verdict.error());
    }
    if (*verdict == QuotaVerdict::kFits) {
        co_return std::nullopt;
    }
    if (*verdict == QuotaVerdict::kTooLarge) {
        co_return Reply::no(format("[LIMIT] {}", kMailTooLarge));
    }
    co_return Reply::no("[OVERQUOTA] " + conf().quota_exceeded_message());
}

}  // namespace relais
