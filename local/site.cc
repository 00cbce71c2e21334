#include "local/site.h"

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/agent_process.h"

namespace relais::local_agent {

namespace {

// What gives rights to commands and files is not taken from tables that anyone could answer for.
constexpr TableFlags kAliasFlags = table_flag::kMail | table_flag::kParanoid;

FileOwner mail_owner() {
    if (!can_change_identity()) {
        return {};
    }
    auto ids = user_ids(conf().mail_owner());
    if (!ids) {
        log_fatal("{}", ids.error().message);
    }
    return {ids->uid, ids->gid};
}

MboxTarget mbox_options() {
    MboxTarget options;
    auto locks = parse_mailbox_locks(conf().mailbox_delivery_lock());
    if (!locks) {
        log_fatal("mailbox_delivery_lock: {}", locks.error().message);
    }
    options.locks = *locks;
    options.patience.attempts = conf().deliver_lock_attempts();
    options.patience.delay = conf().deliver_lock_delay();
    options.patience.stale = conf().stale_lock_time();
    return options;
}

}  // namespace

Site::Site()
    : aliases("alias_maps", conf().alias_maps(), kAliasFlags),
      mailbox_transports("mailbox_transport_maps", conf().mailbox_transport_maps(), kAliasFlags),
      mailbox_commands("mailbox_command_maps", conf().mailbox_command_maps(), kAliasFlags),
      fallback_transports("fallback_transport_maps", conf().fallback_transport_maps(), kAliasFlags),
      mbox(mbox_options()),
      identity(mail_owner()),
      host(system_host_name()),
      service(process_info().service_name) {
}

}  // namespace relais::local_agent
