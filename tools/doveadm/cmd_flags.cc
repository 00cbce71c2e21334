// doveadm flags add, remove, replace: changes the flags and keywords of messages.
#include <algorithm>
#include <array>

#include "lib/base/strings.h"
#include "lib/imap/scanner.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/message_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

struct Named {
    std::string_view name;
    std::uint8_t bit;
};

constexpr std::array<Named, 6> kFlags = {{{"\\Answered", MessageFlags::kAnswered},
                                          {"\\Flagged", MessageFlags::kFlagged},
                                          {"\\Deleted", MessageFlags::kDeleted},
                                          {"\\Seen", MessageFlags::kSeen},
                                          {"\\Draft", MessageFlags::kDraft},
                                          {"\\Recent", 0}}};

template <FlagChange How>
class Flags : public MessageCommand {
  public:
    bool prepare(const OptionWords& options) override {
        if (options.rest().size() < 2) {
            return false;
        }
        for (std::string_view word : split_words(options.rest()[0], " ")) {
            add(word);
        }
        return take_query(options.rest(), 1);
    }

  protected:
    MailboxAccess access() const override { return MailboxAccess::kReadWrite; }

    Task<bool> begin(MailContext* context) override {
        bool valid = std::ranges::all_of(keywords_, [](const std::string& keyword) {
            return std::ranges::all_of(keyword, [](char c) { return imap::is_atom_char(c); });
        });
        if (!valid) {
            context->fail(kNotPossible, "Invalid keywords: Invalid characters in keyword");
        }
        co_return valid;
    }

    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        auto keywords = keywords_;
        auto done = co_await selected->box().change_flags(std::move(uids), How, system_,
                                                          std::move(keywords));
        if (!done) {
            context->fail(
                "Mailbox " + mailbox_to_word(selected->mailbox().name) + ": Flag change failed",
                done.error());
        }
    }

  private:
    void add(std::string_view word) {
        if (!word.starts_with('\\')) {
            keywords_.emplace_back(word);
            return;
        }
        const auto* known = std::ranges::find_if(
            kFlags, [word](const Named& flag) { return iequals(flag.name, word); });
        if (known == kFlags.end()) {
            end_with(kTemporary, "Invalid system flag: " + printable(word));
        }
        system_ |= known->bit;
    }

    std::uint8_t system_ = 0;
    std::vector<std::string> keywords_;
};

}  // namespace

int cmd_flags_add(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Flags<FlagChange::kAdd>>(command, std::move(words), globals);
}

int cmd_flags_remove(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Flags<FlagChange::kRemove>>(command, std::move(words), globals);
}

int cmd_flags_replace(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Flags<FlagChange::kReplace>>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
