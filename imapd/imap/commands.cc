// The table of commands.
#include "imapd/imap/commands.h"

#include <algorithm>
#include <array>

namespace relais {

namespace {

using enum NeededState;
using enum Updates;

constexpr std::array<CommandInfo, 52> kCommands = {{
    {"APPEND", &cmd_append, kAny, kAll, false},
    {"AUTHENTICATE", &cmd_logged_in, kAny, kNone, false},
    {"CANCELUPDATE", &cmd_cancelupdate, kSelected, kAll, false},
    {"CAPABILITY", &cmd_capability, kAny, kNone, false},
    {"CHECK", &cmd_check, kSelected, kAll, false},
    {"CLOSE", &cmd_close, kSelected, kNone, false},
    {"COMPRESS", &cmd_compress, kAny, kNone, false},
    {"COPY", &cmd_copy, kSelected, kAll, true},
    {"CREATE", &cmd_create, kAny, kAll, false},
    {"DELETE", &cmd_delete, kAny, kAll, false},
    {"DELETEACL", &cmd_deleteacl, kAny, kAll, false},
    {"ENABLE", &cmd_enable, kAny, kNone, false},
    {"ESEARCH", &cmd_esearch, kAny, kNoExpunge, true},
    {"EXAMINE", &cmd_examine, kAny, kNone, false},
    {"EXPUNGE", &cmd_expunge, kSelected, kAll, true},
    {"FETCH", &cmd_fetch, kSelected, kNoExpunge, true},
    {"GENURLAUTH", &cmd_genurlauth, kAny, kAll, false},
    {"GETACL", &cmd_getacl, kAny, kAll, false},
    {"GETMETADATA", &cmd_getmetadata, kAny, kAll, false},
    {"GETQUOTA", &cmd_getquota, kAny, kAll, false},
    {"GETQUOTAROOT", &cmd_getquotaroot, kAny, kAll, false},
    {"ID", &cmd_id, kAny, kNone, false},
    {"IDLE", &cmd_idle, kAny, kAll, false},
    {"LIST", &cmd_list, kAny, kAll, false},
    {"LISTRIGHTS", &cmd_listrights, kAny, kAll, false},
    {"LOGIN", &cmd_logged_in, kAny, kNone, false},
    {"LOGOUT", &cmd_logout, kAny, kNone, false},
    {"LSUB", &cmd_lsub, kAny, kAll, false},
    {"MOVE", &cmd_move, kSelected, kAll, true},
    {"MYRIGHTS", &cmd_myrights, kAny, kAll, false},
    {"NAMESPACE", &cmd_namespace, kAny, kAll, false},
    {"NOOP", &cmd_noop, kAny, kAll, false},
    {"NOTIFY", &cmd_notify, kAny, kAll, false},
    {"RENAME", &cmd_rename, kAny, kAll, false},
    {"REPLACE", &cmd_replace, kSelected, kAll, true},
    {"RESETKEY", &cmd_resetkey, kAny, kAll, false},
    {"SEARCH", &cmd_search, kSelected, kNoExpunge, true},
    {"SELECT", &cmd_select, kAny, kNone, false},
    {"SETACL", &cmd_setacl, kAny, kAll, false},
    {"SETMETADATA", &cmd_setmetadata, kAny, kAll, false},
    {"SETQUOTA", &cmd_setquota, kAny, kAll, false},
    {"SORT", &cmd_sort, kSelected, kNoExpunge, true},
    {"STARTTLS", &cmd_logged_in, kAny, kNone, false},
    {"STATUS", &cmd_status, kAny, kAll, false},
    {"STORE", &cmd_store, kSelected, kNoExpunge, true},
    {"SUBSCRIBE", &cmd_subscribe, kAny, kAll, false},
    {"THREAD", &cmd_thread, kSelected, kNoExpunge, true},
    {"UIDBATCHES", &cmd_uidbatches, kSelected, kAll, false},
    {"UNSELECT", &cmd_unselect, kSelected, kNone, false},
    {"UNSUBSCRIBE", &cmd_unsubscribe, kAny, kAll, false},
    {"URLFETCH", &cmd_urlfetch, kAny, kAll, false},
    {"XLIST", &cmd_list, kAny, kAll, false},
}};

static_assert(std::ranges::is_sorted(kCommands, {}, &CommandInfo::name));

}  // namespace

const CommandInfo* find_command(std::string_view name) {
    auto at = std::ranges::lower_bound(kCommands, name, {}, &CommandInfo::name);
    return at != kCommands.end() && at->name == name ? &*at : nullptr;
}

}  // namespace relais
