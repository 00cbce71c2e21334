#include "local/agent.h"

#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/agent_process.h"
#include "lib/rules/transport_table.h"

namespace relais::local_agent {

namespace {

// Results decide over commands, files and identities.
constexpr TableFlags kTrusted = table_flag::kMail | table_flag::kParanoid;

struct Word {
    std::string_view text;
    unsigned bit;
};

constexpr std::array<Word, 3> kSources = {{
    {"alias", kFromAlias},
    {"forward", kFromForward},
    {"include", kFromInclude},
}};

constexpr std::array<Word, 3> kHeaders = {{
    {"command", kHeaderForCommands},
    {"file", kHeaderForFiles},
    {"forward", kHeaderForForwarding},
}};

// The other words of propagate_unmatched_extensions are cleanup's.
constexpr std::array<Word, 6> kExtensions = {{
    {"alias", kFromAlias},
    {"forward", kFromForward},
    {"include", kFromInclude},
    {"canonical", 0},
    {"virtual", 0},
    {"generic", 0},
}};

template <std::size_t N>
unsigned mask_of(std::string_view parameter, std::string_view list,
                 const std::array<Word, N>& words) {
    unsigned mask = 0;
    for (std::string_view item : split_words(list, ", \t\r\n")) {
        bool known = false;
        for (const Word& word : words) {
            if (iequals(word.text, item)) {
                mask |= word.bit;
                known = true;
            }
        }
        if (!known) {
            log_fatal("unknown {} value \"{}\" in \"{}\"", parameter, item, list);
        }
    }
    return mask;
}

MboxTarget mbox_options_from_config() {
    MboxTarget options;
    if (conf().sun_mailtool_compatibility()) {
        log_warning(
            "sun_mailtool_compatibility: deprecated parameter, use \"mailbox_delivery_lock = "
            "dotlock\" instead");
    }
    auto locks = parse_mailbox_locks("mailbox_delivery_lock", conf().mailbox_delivery_lock());
    if (!locks) {
        log_fatal("{}", locks.error().message);
    }
    if (conf().sun_mailtool_compatibility()) {
        locks->fcntl = locks->flock = false;
    }
    if (!locks->any()) {
        log_fatal("parameter mailbox_delivery_lock specifies no applicable mailbox locking method");
    }
    options.locks = *locks;
    options.patience.attempts = conf().deliver_lock_attempts();
    options.patience.delay = conf().deliver_lock_delay();
    options.patience.stale = conf().stale_lock_time();
    return options;
}

FileOwner default_rights_from_config() {
    if (!can_change_identity()) {
        return {};
    }
    auto ids = user_ids(conf().default_privs());
    if (!ids) {
        log_fatal("default_privs: {}", ids.error().message);
    }
    if (ids->uid == 0 || ids->gid == 0) {
        log_fatal("default_privs: privileged default user {}", conf().default_privs());
    }
    return {ids->uid, ids->gid};
}

}  // namespace

Agent::Agent()
    : aliases("alias_maps", conf().alias_maps(), kTrusted),
      mailbox_transports("mailbox_transport_maps", conf().mailbox_transport_maps(),
                         kTransportTables),
      mailbox_commands("mailbox_command_maps", conf().mailbox_command_maps(), kTrusted),
      fallback_transports("fallback_transport_maps", conf().fallback_transport_maps(),
                          kTransportTables),
      mbox_options(mbox_options_from_config()),
      commands_from(mask_of("allow_mail_to_commands", conf().allow_mail_to_commands(), kSources)),
      files_from(mask_of("allow_mail_to_files", conf().allow_mail_to_files(), kSources)),
      extensions_to(mask_of("propagate_unmatched_extensions",
                            conf().propagate_unmatched_extensions(), kExtensions)),
      delivered_header(
          mask_of("prepend_delivered_header", conf().prepend_delivered_header(), kHeaders)),
      host(system_host_name()),
      relay(process_info().service_name),
      default_rights(default_rights_from_config()) {
    check_mailbox_limit("mailbox_size_limit", conf().mailbox_size_limit());
    limit_file_size(conf().mailbox_size_limit());
}

}  // namespace relais::local_agent
