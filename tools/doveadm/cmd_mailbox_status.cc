// doveadm mailbox status: counts of mailboxes, one by one or (-t) all together.
#include <algorithm>
#include <array>
#include <optional>

#include "lib/access/message_facts.h"
#include "lib/base/strings.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"
#include "lib/store/uidlist.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

enum class Field {
    kMessages,
    kRecent,
    kUidNext,
    kUidValidity,
    kUnseen,
    kVirtualSize,
    kGuid,
    kFirstSaved
};

struct Named {
    std::string_view name;
    Field field;
    bool adds_up;
};

constexpr std::array<Named, 8> kFields = {{{"messages", Field::kMessages, true},
                                           {"recent", Field::kRecent, true},
                                           {"uidnext", Field::kUidNext, false},
                                           {"uidvalidity", Field::kUidValidity, false},
                                           {"unseen", Field::kUnseen, true},
                                           {"vsize", Field::kVirtualSize, true},
                                           {"guid", Field::kGuid, false},
                                           {"firstsaved", Field::kFirstSaved, false}}};

std::uint64_t recent_in(Mailbox& box) {
    std::uint64_t count = 0;
    for (const MailMessage& message : box.messages()) {
        count += box.first_recent() != 0 && message.uid >= box.first_recent() ? 1 : 0;
    }
    return count;
}

std::uint64_t virtual_size(OpenMailbox& mailbox) {
    std::uint64_t size = 0;
    Mailbox::Uids uids = mailbox.box.uids();
    for (std::uint32_t uid : *uids) {
        const MailMessage* message = mailbox.box.find(uid);
        size += message == nullptr ? 0 : wire_size_of(mailbox, *message).value_or(0);
    }
    mailbox.cache.flush();
    return size;
}

std::uint64_t number_of(OpenMailbox& mailbox, Field field) {
    Mailbox& box = mailbox.box;
    switch (field) {
        case Field::kMessages:
            return box.messages().size();
        case Field::kRecent:
            return recent_in(box);
        case Field::kUidNext:
            return box.next_uid();
        case Field::kUidValidity:
            return box.uid_validity();
        case Field::kUnseen:
            return static_cast<std::uint64_t>(std::ranges::count_if(
                box.messages(),
                [](const MailMessage& each) { return (each.system & MessageFlags::kSeen) == 0; }));
        case Field::kVirtualSize:
            return virtual_size(mailbox);
        default:
            return 0;
    }
}

std::string first_saved(OpenMailbox& mailbox) {
    auto messages = mailbox.box.messages();
    auto time =
        messages.empty() ? Result<std::int64_t>(0) : saved_at(mailbox.box, messages.front());
    return messages.empty() || !time ? "never" : std::to_string(*time);
}

class Status : public MailCommand {
  public:
    std::vector<Column> columns() const override {
        std::vector<Column> columns;
        if (!total_) {
            columns.push_back({"mailbox", "", true});
        }
        for (const Named* field : fields_) {
            columns.push_back({std::string(field->name)});
        }
        return columns;
    }

    bool prepare(const OptionWords& options) override {
        total_ = options.has('t');
        if (options.rest().size() < 2) {
            return false;
        }
        for (std::string_view word : split_words(options.rest()[0], " ")) {
            add(word);
        }
        words_ = Words(options.rest().begin() + 1, options.rest().end());
        return true;
    }

    Task<void> run(MailContext* context) override {
        sums_.assign(fields_.size(), 0);
        for (const std::string& name : wanted(context)) {
            auto mailbox = context->user.open(name);
            auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
            if (!synced) {
                context->fail(
                    "Mailbox " + mailbox_to_word(name) + ": Failed to lookup mailbox status",
                    synced.error());
                continue;
            }
            take(*context, *mailbox);
        }
        if (total_) {
            context->begin_row();
            for (std::uint64_t sum : sums_) {
                context->printer.value(std::to_string(sum));
            }
        }
    }

  private:
    void add(std::string_view word) {
        bool all = word == "all";
        bool known = all;
        for (const Named& field : kFields) {
            bool wanted = all ? !total_ || field.adds_up : field.name == word;
            known |= wanted;
            if (wanted && total_ && !field.adds_up) {
                end_with(kUsage, "Status field " + std::string(word) + " can't be used with -t");
            }
            if (wanted) {
                fields_.push_back(&field);
            }
        }
        if (!known) {
            end_with(kUsage, "Unknown status field: " + printable(word));
        }
    }

    std::vector<std::string> wanted(MailContext* context) {
        User& user = context->user;
        auto all = user.tree().list();
        std::vector<std::string> names;
        for (const std::string& name : all ? *all : std::vector<std::string>()) {
            bool fits = std::ranges::any_of(words_, [&](const std::string& word) {
                imap::ListPattern pattern(imap::utf8_to_utf7(word).value_or(word),
                                          user.separator());
                return pattern.match(name) == imap::ListMatch::kYes;
            });
            if (fits) {
                names.push_back(name);
            }
        }
        put_inbox_last(names);
        for (const std::string& word : words_) {
            bool pattern = word.find_first_of("*%") != std::string::npos;
            if (!pattern && !user.tree().exists(mailbox_from_word(user, word))) {
                context->fail(kNotFound, "Mailbox " + word + ": Failed to lookup mailbox status: " +
                                             missing_mailbox(word));
            }
        }
        return names;
    }

    void take(MailContext& context, OpenMailbox& mailbox) {
        if (!total_) {
            context.begin_row();
            context.printer.value(mailbox_to_word(mailbox.name));
        }
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            Field field = fields_[i]->field;
            if (field == Field::kGuid) {
                auto list = mailbox.box.list();
                context.printer.value(list ? list->guid : "");
            } else if (field == Field::kFirstSaved) {
                context.printer.value(first_saved(mailbox));
            } else if (total_) {
                sums_[i] += number_of(mailbox, field);
            } else {
                context.printer.value(std::to_string(number_of(mailbox, field)));
            }
        }
    }

    bool total_ = false;
    std::vector<const Named*> fields_;
    std::vector<std::uint64_t> sums_;
    Words words_;
};

}  // namespace

int cmd_mailbox_status(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Status>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
