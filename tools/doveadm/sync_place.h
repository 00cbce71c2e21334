// The other side of doveadm sync and backup, as the command line names it:
//
//     maildir:~/x           a Maildir here
//     imapc:                an IMAP server, by the settings imapc_host, imapc_user, ... (-o)
//     remote:[login@]host   ours on another machine, by ssh
//     COMMAND ARGUMENT ...  whatever brings one to a doveadm dsync-server
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "lib/access/user.h"
#include "lib/event/child.h"
#include "lib/sync/replica.h"

#include "tools/doveadm/command.h"
#include "tools/doveadm/mail_command.h"

namespace relais::doveadm {

class SyncPlace {
  public:
    // Ends the process where the words name no place.
    SyncPlace(const Words& words, const std::map<std::string, std::string>& settings,
              std::chrono::seconds patience);

    // Starts the command, with the rights of the caller, where one leads there.
    void begin(const std::string& user);
    // Waits for its end.
    void end();

    enum class Role { kSource, kDestination };

    // The other side, for the user for whom the command runs.  kNotFound: a source that is not
    // there.
    [[nodiscard]] Task<Result<Replica*>> open(User* user, Role role);

    // Writes down what would have to be found out again there.
    void close();

    // What it is called, for the memory of what both sides have.
    std::string title() const;

  private:
    enum class Kind { kMaildir, kImap, kRemote, kCommand };

    // The command that leads to the user's mail.
    Words command_for(const std::string& user) const;
    [[nodiscard]] Result<void> open_maildir(const User& user, Role role);

    Kind kind_ = Kind::kCommand;
    Words words_;  // of a command; else one word
    std::map<std::string, std::string> settings_;
    std::chrono::seconds patience_;
    UniqueFd pipe_;
    std::optional<Child> child_;
    std::unique_ptr<User> other_;
    std::unique_ptr<Replica> replica_;
};

}  // namespace relais::doveadm
