// doveadm fetch: prints messages, or what is asked for of them.
#include <cstdio>

#include "lib/base/strings.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/fetch_fields.h"
#include "tools/doveadm/message_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

class Fetch : public MessageCommand {
  public:
    std::string_view form() const override { return "pager"; }

    std::vector<Column> columns() const override {
        std::vector<Column> columns;
        for (const FetchField& field : fields_) {
            columns.push_back({field.name});
        }
        return columns;
    }

    bool prepare(const OptionWords& options) override {
        if (options.rest().size() < 2) {
            return false;
        }
        for (std::string_view name : split_words(options.rest()[0], " ")) {
            auto field = find_fetch_field(name);
            if (!field) {
                std::fprintf(stderr, "Available fetch fields: %s\n", fetch_field_names().c_str());
                end_with(kTemporary, "Unknown fetch field: " + printable(name));
            }
            fields_.push_back(std::move(*field));
        }
        return !fields_.empty() && take_query(options.rest(), 1);
    }

  protected:
    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        auto list = selected->box().list();
        if (!list) {
            context->fail("Mailbox " + mailbox_to_word(selected->mailbox().name), list.error());
            co_return;
        }
        for (std::uint32_t uid : uids) {
            FetchedMessage message(*selected, *list, uid, context->user.name());
            if (message.message() != nullptr) {
                print(*context, message);
            }
        }
    }

    std::string missing_text(const std::string& /*word*/) const override { return ""; }

  private:
    void print(MailContext& context, FetchedMessage& message) const {
        context.begin_row();
        for (const FetchField& field : fields_) {
            std::string value = field.value(message, field);
            if (field.is_text) {
                context.printer.text(value);
            } else {
                context.printer.value(value);
            }
        }
    }

    std::vector<FetchField> fields_;
};

}  // namespace

int cmd_fetch(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Fetch>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
