// The other side of doveadm sync and backup, as the command line names it:
//
//     maildir:~/x           mailboxes here, in any format; only Maildirs can be changed
//     imapc:                an IMAP server, by the settings imapc_host, imapc_user, ...
//                           (settings.h)
//     tcp:host[:port]       a doveadm server, by doveadm_password; only read from.
//                           tcps:, with TLS; tcp:/path is a socket, which wants no password
//     remote:[login@]host   ours on another machine, by ssh, or as dsync_remote_cmd says; a host
//                           alone means the same
//     remoteprefix:...      the same, where the command is told the user's name in a line first
//     COMMAND ARGUMENT ...  whatever brings one to a doveadm dsync-server
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/access/user.h"
#include "lib/event/child.h"
#include "lib/sync/replica.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/command.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/settings.h"

namespace relais::doveadm {

class SyncPlace {
  public:
    // How one talks with what is not here.
    struct Talk {
        std::chrono::seconds patience{};  // for each answer
        std::string raw_log{};            // a file for all of it; empty: none
    };

    // kDenied: the words name no place that there is.
    [[nodiscard]] static Result<SyncPlace> parse(const Words& words, const Settings& settings,
                                                 Talk talk);

    // Starts the command, or connects to the socket, with the rights of the caller, where one leads
    // there.
    void begin(const std::string& user);
    // Waits for its end.
    void end();

    enum class Role { kSource, kDestination };

    // The other side, for the user for whom the command runs.  kNotFound: a source that is not
    // there.
    [[nodiscard]] Task<Result<Replica*>> open(User* user, Role role);

    // Writes down what would have to be found out again there.
    void close();

    // False for what lies on this machine's disks, and for servers.
    bool is_remote() const { return kind_ == Kind::kRemote || kind_ == Kind::kCommand; }

    // What it is called, for the memory of what both sides have.
    std::string title() const;

  private:
    enum class Kind { kLocal, kImap, kServer, kRemote, kCommand };

    SyncPlace(Kind kind, Words words, const Settings& settings, Talk talk)
        : kind_(kind), words_(std::move(words)), settings_(settings), talk_(std::move(talk)) {}

    [[nodiscard]] static Result<Kind> kind_of(const Words& words);

    void connect_as_caller();
    // The command that leads to the user's mail.
    Words command_for(const std::string& user) const;
    [[nodiscard]] Result<void> open_local(const User& user, Role role);
    [[nodiscard]] Result<void> open_imap(const User& user);
    [[nodiscard]] Result<void> open_server(const User& user);
    [[nodiscard]] Task<Result<void>> open_remote();

    Kind kind_;
    Words words_;  // of a command; else one word
    Settings settings_;
    Talk talk_;
    UniqueFd pipe_;
    std::optional<Child> child_;
    std::unique_ptr<User> other_;
    std::unique_ptr<Replica> replica_;
};

// What a run could not do counts as a failure of the command, temporary or not.
void tell_troubles(MailContext* context, const std::vector<SyncTrouble>& troubles);

}  // namespace relais::doveadm
