// Commands on users' mail: for whom they run (-u, -A, -F), and as whom.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/access/login_inquiry.h"
#include "lib/access/user.h"
#include "lib/daemon/sandbox.h"

#include "tools/doveadm/command.h"

namespace relais::doveadm {

// One user, while a command runs for him.
struct MailContext {
    User& user;
    Printer& printer;
    bool names_user = false;                     // each row begins with his name
    const std::optional<WorkerIdentity>& other;  // MailCommand::other_user()
    int status = 0;                              // of the failures so far

    void begin_row() const {
        if (names_user) {
            printer.value(user.name());
        }
    }

    // On standard error; the command goes on with what is left.
    void fail(int with, std::string_view text);
    void fail(std::string_view what, const Error& error);
};

class MailCommand {
  public:
    MailCommand() = default;
    MailCommand(const MailCommand&) = delete;
    MailCommand& operator=(const MailCommand&) = delete;
    virtual ~MailCommand() = default;

    virtual std::string_view form() const { return "flow"; }

    virtual std::vector<Column> columns() const { return {}; }

    // Whose mail the command looks into, too; empty: nobody's.
    virtual std::string other_user() const { return ""; }

    // What a server (-S) is sent behind the command, in place of its arguments; nothing: those.
    virtual std::optional<std::string> input() const { return std::nullopt; }

    // Takes the options and arguments, of which most have none; false: the command was not called
    // as it should be.
    [[nodiscard]] virtual bool prepare(const OptionWords& options) {
        options.expect_at_most(0);
        return true;
    }

    // Which other machines it asks, as the user.
    virtual Reach reach() const { return Reach::kNone; }

    // Before and after that, as whoever calls.
    virtual void begin_for(const std::string& /*user*/) {}

    virtual void end_for() {}

    [[nodiscard]] virtual Task<void> run(MailContext* context) = 0;
};

int run_mail_command(const Command& command, Words words, const Globals& globals,
                     MailCommand& mail_command);

template <class Subject>
int run_for_users(const Command& command, Words words, const Globals& globals) {
    Subject subject;
    return run_mail_command(command, std::move(words), globals, subject);
}

// The mail of the other user, with the rights of the one for whom the command runs.
[[nodiscard]] std::unique_ptr<User> open_other_user(const MailContext& context);

// All mail at a place, "maildir:PATH" or the like, whatever the namespaces of the configuration
// are; variables and "~" in it are those of `whose`.
[[nodiscard]] std::unique_ptr<User> open_place(const User& whose, const std::string& location);

// Names of mailboxes as people write them, in UTF-8, and as the store has them.
[[nodiscard]] std::string mailbox_from_word(const User& user, std::string_view word);
[[nodiscard]] std::string mailbox_to_word(std::string_view name);

// As Dovecot lists mailboxes.
void put_inbox_last(std::vector<std::string>& names);

// "Mailbox doesn't exist: NAME"
[[nodiscard]] std::string missing_mailbox(std::string_view word);

}  // namespace relais::doveadm
