// The commands, one function each; the table of them is in doveadm.cc.
#pragma once

#include "tools/doveadm/command.h"

namespace relais::doveadm {

int cmd_pw(const Command& command, Words words, const Globals& globals);
int cmd_user(const Command& command, Words words, const Globals& globals);
int cmd_auth_test(const Command& command, Words words, const Globals& globals);
int cmd_auth_login(const Command& command, Words words, const Globals& globals);
int cmd_auth_lookup(const Command& command, Words words, const Globals& globals);
int cmd_auth_cache_flush(const Command& command, Words words, const Globals& globals);

int cmd_process_status(const Command& command, Words words, const Globals& globals);
int cmd_service_status(const Command& command, Words words, const Globals& globals);
int cmd_service_stop(const Command& command, Words words, const Globals& globals);
int cmd_penalty(const Command& command, Words words, const Globals& globals);
int cmd_replicator(const Command& command, Words words, const Globals& globals);
int cmd_stats_dump(const Command& command, Words words, const Globals& globals);
int cmd_instance_list(const Command& command, Words words, const Globals& globals);
int cmd_instance_remove(const Command& command, Words words, const Globals& globals);

int cmd_altmove(const Command& command, Words words, const Globals& globals);
int cmd_fts(const Command& command, Words words, const Globals& globals);

int cmd_mailbox_create(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_delete(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_rename(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_subscribe(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_unsubscribe(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_list(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_path(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_mutf7(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_metadata_get(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_metadata_list(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_metadata_set(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_metadata_unset(const Command& command, Words words, const Globals& globals);
int cmd_mailbox_status(const Command& command, Words words, const Globals& globals);

int cmd_acl_add(const Command& command, Words words, const Globals& globals);
int cmd_acl_delete(const Command& command, Words words, const Globals& globals);
int cmd_acl_get(const Command& command, Words words, const Globals& globals);
int cmd_acl_recalc(const Command& command, Words words, const Globals& globals);
int cmd_acl_remove(const Command& command, Words words, const Globals& globals);
int cmd_acl_rights(const Command& command, Words words, const Globals& globals);
int cmd_acl_set(const Command& command, Words words, const Globals& globals);

int cmd_search(const Command& command, Words words, const Globals& globals);
int cmd_fetch(const Command& command, Words words, const Globals& globals);
int cmd_expunge(const Command& command, Words words, const Globals& globals);
int cmd_flags_add(const Command& command, Words words, const Globals& globals);
int cmd_flags_remove(const Command& command, Words words, const Globals& globals);
int cmd_flags_replace(const Command& command, Words words, const Globals& globals);
int cmd_copy(const Command& command, Words words, const Globals& globals);
int cmd_move(const Command& command, Words words, const Globals& globals);
int cmd_save(const Command& command, Words words, const Globals& globals);
int cmd_import(const Command& command, Words words, const Globals& globals);
int cmd_deduplicate(const Command& command, Words words, const Globals& globals);
int cmd_index(const Command& command, Words words, const Globals& globals);
int cmd_force_resync(const Command& command, Words words, const Globals& globals);
int cmd_quota_get(const Command& command, Words words, const Globals& globals);
int cmd_quota_recalc(const Command& command, Words words, const Globals& globals);
int cmd_backup(const Command& command, Words words, const Globals& globals);
int cmd_sync(const Command& command, Words words, const Globals& globals);
int cmd_dsync_server(const Command& command, Words words, const Globals& globals);
int cmd_purge(const Command& command, Words words, const Globals& globals);

int cmd_who(const Command& command, Words words, const Globals& globals);
int cmd_kick(const Command& command, Words words, const Globals& globals);

int cmd_help(const Command& command, Words words, const Globals& globals);
int cmd_log_find(const Command& command, Words words, const Globals& globals);
int cmd_log_reopen(const Command& command, Words words, const Globals& globals);
int cmd_log_errors(const Command& command, Words words, const Globals& globals);
int cmd_log_test(const Command& command, Words words, const Globals& globals);
int cmd_config(const Command& command, Words words, const Globals& globals);
int cmd_reload(const Command& command, Words words, const Globals& globals);
int cmd_stop(const Command& command, Words words, const Globals& globals);

}  // namespace relais::doveadm
