// doveadm deduplicate: removes messages that are there twice, by their GUIDs or (-m) their
// Message-IDs.  The first one stays.
#include <set>

#include "lib/access/message_copy.h"
#include "lib/access/message_facts.h"
#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/message_command.h"

namespace relais::doveadm {

namespace {

class Deduplicate : public MessageCommand {
  public:
    bool prepare(const OptionWords& options) override {
        by_message_id_ = options.has('m');
        return take_query(options.rest(), 0);
    }

  protected:
    MailboxAccess access() const override { return MailboxAccess::kReadWrite; }

    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        std::string where = mailbox_to_word(selected->mailbox().name);
        auto list = selected->box().list();
        if (!list) {
            context->fail("Mailbox " + where, list.error());
            co_return;
        }
        std::set<std::string> known;
        std::vector<std::uint32_t> again;
        for (std::uint32_t uid : uids) {
            const MailMessage* message = selected->box().find(uid);
            std::string id = message == nullptr ? "" : identity(*selected, *list, *message);
            if (!id.empty() && !known.insert(id).second) {
                again.push_back(uid);
            }
        }
        auto gone = co_await selected->box().expunge(std::move(again));
        if (!gone) {
            context->fail("Mailbox " + where + ": Expunging failed", gone.error());
        }
    }

  private:
    std::string identity(Selected& selected, const UidList& list, const MailMessage& message) {
        if (!by_message_id_) {
            return message_guid(list, message, selected.box().base_name(message));
        }
        auto facts = facts_of(selected.mailbox(), message);
        auto field = facts ? imap::find_field(facts->header, "Message-ID") : std::nullopt;
        return field ? imap::unfold(field->value) : "";
    }

    bool by_message_id_ = false;
};

}  // namespace

int cmd_deduplicate(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Deduplicate>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
