// The commands of IMAP after login.  Each lives in a file cmd_NAME.cc of its own or with its kin;
// commands.cc has the table.
#pragma once

#include <string_view>

#include "lib/event/loop.h"
#include "lib/imap/mailbox_filter.h"
#include "lib/imap/metadata.h"

#include "imapd/imap/session.h"

namespace relais {

enum class NeededState { kAny, kSelected };

// What may be told about the mailbox before the tagged answer.
enum class Updates { kAll, kNoExpunge, kNone };

struct CommandInfo {
    std::string_view name;
    Task<Reply> (*run)(Session& session, Command& command);
    NeededState state;
    Updates updates;
    bool takes_uid;
};

// Null for a name that is no command.
[[nodiscard]] const CommandInfo* find_command(std::string_view name);

Task<Reply> cmd_append(Session& session, Command& command);
Task<Reply> cmd_cancelupdate(Session& session, Command& command);
Task<Reply> cmd_capability(Session& session, Command& command);
Task<Reply> cmd_check(Session& session, Command& command);
Task<Reply> cmd_close(Session& session, Command& command);
Task<Reply> cmd_compress(Session& session, Command& command);
Task<Reply> cmd_copy(Session& session, Command& command);
Task<Reply> cmd_create(Session& session, Command& command);
Task<Reply> cmd_delete(Session& session, Command& command);
Task<Reply> cmd_deleteacl(Session& session, Command& command);
Task<Reply> cmd_enable(Session& session, Command& command);
Task<Reply> cmd_esearch(Session& session, Command& command);
Task<Reply> cmd_examine(Session& session, Command& command);
Task<Reply> cmd_expunge(Session& session, Command& command);
Task<Reply> cmd_fetch(Session& session, Command& command);
Task<Reply> cmd_genurlauth(Session& session, Command& command);
Task<Reply> cmd_getacl(Session& session, Command& command);
Task<Reply> cmd_getmetadata(Session& session, Command& command);
Task<Reply> cmd_getquota(Session& session, Command& command);
Task<Reply> cmd_getquotaroot(Session& session, Command& command);
Task<Reply> cmd_id(Session& session, Command& command);
Task<Reply> cmd_idle(Session& session, Command& command);
Task<Reply> cmd_list(Session& session, Command& command);
Task<Reply> cmd_listrights(Session& session, Command& command);
Task<Reply> cmd_logged_in(Session& session, Command& command);
Task<Reply> cmd_logout(Session& session, Command& command);
Task<Reply> cmd_lsub(Session& session, Command& command);
Task<Reply> cmd_move(Session& session, Command& command);
Task<Reply> cmd_myrights(Session& session, Command& command);
Task<Reply> cmd_namespace(Session& session, Command& command);
Task<Reply> cmd_noop(Session& session, Command& command);
Task<Reply> cmd_notify(Session& session, Command& command);
Task<Reply> cmd_rename(Session& session, Command& command);
Task<Reply> cmd_replace(Session& session, Command& command);
Task<Reply> cmd_resetkey(Session& session, Command& command);
Task<Reply> cmd_search(Session& session, Command& command);
Task<Reply> cmd_select(Session& session, Command& command);
Task<Reply> cmd_setacl(Session& session, Command& command);
Task<Reply> cmd_setmetadata(Session& session, Command& command);
Task<Reply> cmd_setquota(Session& session, Command& command);
Task<Reply> cmd_sort(Session& session, Command& command);
Task<Reply> cmd_status(Session& session, Command& command);
Task<Reply> cmd_store(Session& session, Command& command);
Task<Reply> cmd_subscribe(Session& session, Command& command);
Task<Reply> cmd_thread(Session& session, Command& command);
Task<Reply> cmd_uidbatches(Session& session, Command& command);
Task<Reply> cmd_unselect(Session& session, Command& command);
Task<Reply> cmd_unsubscribe(Session& session, Command& command);
Task<Reply> cmd_urlfetch(Session& session, Command& command);

// Helpers that several commands share (arguments.cc).

// "[CODE] Error in IMAP command FETCH: TEXT"
[[nodiscard]] Reply bad_arguments(const Command& command,
                                  std::string_view text = "Invalid arguments.",
                                  std::string_view code = "");

// What a failed operation on mailboxes becomes.
[[nodiscard]] Reply failure(const Error& error);

// The next argument as a mailbox name, with INBOX in capitals.
[[nodiscard]] std::optional<std::string> mailbox_argument(Session& session, Command& command);

// The user's rights on a mailbox; the reply that refuses where there is none or he lacks `needed`
// (rights.cc).  What he may not see is not there for him.  `absent` is the code for that.
[[nodiscard]] std::expected<AclRights, Reply> rights_for(Session& session, const std::string& name,
                                                         AclRights needed,
                                                         std::string_view absent = "NONEXISTENT");

// That reply alone.
[[nodiscard]] std::optional<Reply> refuse_mailbox(Session& session, const std::string& name,
                                                  AclRights needed,
                                                  std::string_view absent = "NONEXISTENT");

// That one for him: "[NONEXISTENT] Mailbox doesn't exist: NAME".
[[nodiscard]] Reply no_mailbox(std::string_view name, std::string_view code = "NONEXISTENT");

// Permission is denied (RFC 5530).
[[nodiscard]] Reply no_permission();

// "[APPENDUID 1 5] TEXT", or without the code where the user may not read what he has put there
// (RFC 4314 4).
[[nodiscard]] std::string with_uid_code(Session& session, const std::string& mailbox,
                                        std::string_view code, std::string_view text);

// What the user may change of flags in a mailbox.
[[nodiscard]] FlagLimits flag_limits(Session& session, const std::string& name);

// Takes away what he may not set.
void limit_flags(FlagLimits limits, std::vector<NewMessage>& messages);

// The names in it are those of the tree from now on; one that can be no mailbox's is left out.
void take_names(Session& session, imap::MailboxFilter& filter);

// "* METADATA name (/private/comment ...)", as GETMETADATA answers; nothing where that refuses
// (cmd_metadata.cc).
[[nodiscard]] Task<void> write_annotations(Session& session, std::string name,
                                           std::vector<imap::MetadataEntry> entries);

// The reply that refuses messages of that weight, where the mailbox has no room for them
// (cmd_quota.cc).
[[nodiscard]] Task<std::optional<Reply>> refuse_over_quota(Session& session, std::string mailbox,
                                                           QuotaAmount more);

// A message set and the UIDs that it names; the error is the reply.
[[nodiscard]] std::expected<std::vector<std::uint32_t>, Reply> message_set_argument(
    Session& session, Command& command);

// System flags and keyword names apart; nothing for a flag that cannot be set.
struct FlagNames {
    std::uint8_t system = 0;
    std::vector<std::string> keywords;
};

[[nodiscard]] std::optional<FlagNames> parse_flag_names(const std::vector<std::string>& flags);

}  // namespace relais
