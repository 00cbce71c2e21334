// alias_maps: what a name stands for, with whose rights, and who is told of failures.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/outcome.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

constexpr int kMaxLevel = 101;

// Whose rights the aliases of a table have: nothing means root's, or a table that is no file.  The
// file that is open decides, since its name may stand for another one by now.
std::optional<uid_t> owner_of(const Table& table) {
    return table.owner() == uid_t{0} ? std::nullopt : table.owner();
}

struct AliasEntry {
    std::string value;
    std::shared_ptr<Table> table;
};

// The first table that has the name, or the failure that ended the search.
Result<std::optional<AliasEntry>> find_alias(const TableSet& tables, const std::string& name) {
    for (const auto& table : tables.tables()) {
        Lookup answer = table->find(name);
        if (answer.is_found()) {
            return AliasEntry{std::move(answer).value(), table};
        }
        if (answer.is_error()) {
            log_warning("{}: lookup of '{}' failed", table->reference(), name);
            return fail(Errc::kTemporary, answer.reason());
        }
    }
    return std::nullopt;
}

}  // namespace

Task<std::optional<Disposition>> Expansion::deliver_alias(Branch branch, std::string name) {
    // Names of this form are files and commands.
    if (name.starts_with('/') || name.empty()) {
        co_return std::nullopt;
    }
    // A name that stands for itself means the user of that name.
    if (iequals(branch.expanded_from, name)) {
        co_return std::nullopt;
    }
    auto entry = find_alias(agent_.aliases, name);
    if (entry && !*entry) {
        co_return std::nullopt;
    }
    branch.expanded_from = name;
    if (!entry) {
        DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 3, 0), "alias database unavailable");
        Disposition deferred = co_await finish(&branch, std::move(status));
        co_return deferred;
    }
    if (branch.level > kMaxLevel) {
        log_warning("alias database loop for {}", name);
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(5, 4, 6), "alias database loop for " + name);
        Disposition looped = co_await finish(&branch, std::move(status));
        co_return looped;
    }
    if ((delivery_.request.flags & kVerifyAddress) != 0) {
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(2, 0, 0), "aliased to " + (*entry)->value);
        Disposition probed = co_await finish(&branch, std::move(status));
        co_return probed;
    }
    Disposition done = co_await expand_alias(std::move(branch), std::move(name),
                                             std::move((*entry)->value), (*entry)->table.get());
    co_return done;
}

// owner-NAME, where there is one, takes the sender's place in what is sent on.
Task<Result<std::optional<std::string>>> Expansion::find_owner(std::string name) {
    if (!conf().owner_request_special()) {
        co_return std::nullopt;
    }
    std::string owner = "owner-" + name;
    Lookup found = agent_.aliases.find(owner);
    if (found.is_error()) {
        co_return fail(Errc::kTemporary, found.reason());
    }
    if (found.is_missing()) {
        co_return std::nullopt;
    }
    std::string address = conf().expand_owner_alias() ? found.value() : quote_address(owner);
    auto rewritten = co_await agent_.rewrite->rewrite(RewriteContext::kLocal, address);
    if (!rewritten) {
        co_return fail_with(rewritten);
    }
    co_return unquote_address(*rewritten);
}

// RFC 3461 5.2.7: who asked to be told of a success hears that the address was expanded, and no
// more after that.
Task<void> Expansion::report_expansion(Recipient recipient, std::string action) {
    if ((recipient.notify & kNotifySuccess) == 0) {
        co_return;
    }
    DeliveryStatus status = DeliveryStatus::of(DsnCode(2, 0, 0), "alias expanded");
    status.action = std::move(action);
    DeliveryEvent event = delivery_.event(std::move(recipient), std::move(status), agent_.relay);
    co_await report_traced(std::move(event));
}

namespace {

// RFC 3461 5.2.7.3: what the sender of a message to a mailing list asked for ends with the list.
void begin_list(Branch& branch, const std::string& owner) {
    branch.owner = owner;
    branch.sender = owner;
    branch.rcpt.original.clear();
    branch.rcpt.dsn_orig_rcpt.clear();
    branch.rcpt.notify = kNotifyNone;
}

}  // namespace

Task<Disposition> Expansion::expand_alias(Branch branch, std::string name, std::string value,
                                          const Table* table) {
    auto unavailable = [] {
        return DeliveryStatus::of(DsnCode(4, 3, 0), "alias database unavailable");
    };
    branch.source = kFromAlias;
    branch.rights.reset();
    if (auto uid = owner_of(*table)) {
        auto user = find_user(*uid);
        if (!user || !*user) {
            log_warning("cannot find alias database owner for {}", table->reference());
            DeliveryStatus status =
                DeliveryStatus::of(DsnCode(4, 3, 0), "cannot find alias database owner");
            co_return co_await finish(&branch, std::move(status));
        }
        branch.rights = **user;
    }
    auto owner = co_await find_owner(name);
    if (!owner) {
        co_return co_await finish(&branch, unavailable());
    }
    Recipient expanded = branch.rcpt;
    branch.rcpt.notify &= ~kNotifySuccess;
    if (*owner) {
        begin_list(branch, **owner);
    } else if (conf().reset_owner_alias()) {
        branch.owner.clear();
    }
    if (!conf().frozen_delivered_to()) {
        branch.delivered = branch.rcpt.address;
    }
    if ((agent_.extensions_to & kFromAlias) == 0) {
        branch.unmatched.clear();
    }
    int count = 0;
    Disposition done = co_await deliver_list(&branch, std::move(value), &count);
    if (count == 0) {
        log_warning("no recipient in alias lookup result for {}", name);
        co_return co_await finish(&branch, unavailable());
    }
    co_await report_expansion(std::move(expanded), *owner ? "delivered" : "expanded");
    co_return done;
}

}  // namespace relais::local_agent
