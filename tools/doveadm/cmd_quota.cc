// doveadm quota get, recalc: what a user's mail weighs, beside his limits.
#include "lib/access/user.h"
#include "lib/config/config.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

constexpr std::int64_t kUnit = 1024;  // STORAGE counts these

std::int64_t units(std::int64_t bytes) {
    return (bytes + kUnit - 1) / kUnit;
}

class Get : public MailCommand {
  public:
    std::string_view form() const override { return "table"; }

    std::vector<Column> columns() const override {
        return {{"root", "Quota name"},
                {"type", "Type"},
                {.key = "value", .title = "Value", .right = true},
                {.key = "limit", .title = "Limit", .right = true},
                {.key = "percent", .title = "%", .right = true}};
    }

    Task<void> run(MailContext* context) override {
        const MailQuota* quota = context->user.quota();
        if (quota == nullptr) {
            co_return;
        }
        auto usage = quota->limited() ? quota->usage() : quota->recount();
        if (!usage) {
            context->fail("Failed to get quota resource", usage.error());
            co_return;
        }
        QuotaAmount limit = quota->rules().limit();
        print(*context, "STORAGE", units(usage->bytes), units(limit.bytes));
        print(*context, "MESSAGE", usage->messages, limit.messages);
    }

  private:
    static void print(const MailContext& context, std::string_view what, std::int64_t value,
                      std::int64_t limit) {
        context.begin_row();
        context.printer.value(conf().quota_root_name());
        context.printer.value(what);
        context.printer.value(std::to_string(value));
        context.printer.value(limit > 0 ? std::to_string(limit) : "-");
        context.printer.value(std::to_string(limit > 0 ? value * 100 / limit : 0));
    }
};

class Recalc : public MailCommand {
  public:
    Task<void> run(MailContext* context) override {
        const MailQuota* quota = context->user.quota();
        if (quota == nullptr) {
            co_return;
        }
        auto counted = quota->recount();
        if (!counted) {
            context->fail("Failed to recalculate quota", counted.error());
        }
    }
};

// Without quotas there is nothing to tell, whoever is asked about.
void expect_quotas() {
    if (conf().quota_root_name().empty()) {
        end_with(kUsage, "There are no quotas: quota_root_name is not set");
    }
}

}  // namespace

int cmd_quota_get(const Command& command, Words words, const Globals& globals) {
    expect_quotas();
    return run_for_users<Get>(command, std::move(words), globals);
}

int cmd_quota_recalc(const Command& command, Words words, const Globals& globals) {
    expect_quotas();
    return run_for_users<Recalc>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
