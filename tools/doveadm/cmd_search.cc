// doveadm search: where the messages are that a query finds.
#include "lib/store/uidlist.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/message_command.h"

namespace relais::doveadm {

namespace {

class Search : public MessageCommand {
  public:
    std::vector<Column> columns() const override {
        return {{"mailbox-guid", "", true}, {"uid", "", true}};
    }

    bool prepare(const OptionWords& options) override { return take_query(options.rest(), 0); }

  protected:
    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        auto list = selected->box().list();
        for (std::uint32_t uid : uids) {
            context->begin_row();
            context->printer.value(list ? list->guid : "");
            context->printer.value(std::to_string(uid));
        }
        co_return;
    }

    std::string missing_text(const std::string& word) const override {
        return "Couldn't get mailbox '" + word + "' GUID: " + missing_mailbox(word);
    }
};

}  // namespace

int cmd_search(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Search>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
