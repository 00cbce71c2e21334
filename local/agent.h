// What a local(8) process has open and knows: its tables, its identity, the clients of other
// services, and main.cf's lists in parsed form.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/deliver/identity.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/maps/table_set.h"
#include "lib/store/mbox_delivery.h"

namespace relais::local_agent {

// Where a recipient came from, as allow_mail_to_commands and its kin name it.  Bits.
enum Source : unsigned {
    kFromNowhere = 0,  // the message's own recipient
    kFromAlias = 1,
    kFromForward = 2,
    kFromInclude = 4,
};

// Bits of prepend_delivered_header.
enum DeliveredHeader : unsigned {
    kHeaderForCommands = 1,
    kHeaderForFiles = 2,
    kHeaderForForwarding = 4,
};

struct Agent {
    // Opens the tables and checks the configuration; ends the process where it is unusable.
    Agent();

    TableSet aliases;
    TableSet mailbox_transports;
    TableSet mailbox_commands;
    TableSet fallback_transports;
    MboxTarget mbox_options;  // locks and patience
    unsigned commands_from = 0;
    unsigned files_from = 0;
    unsigned extensions_to = 0;  // propagate_unmatched_extensions
    unsigned delivered_header = 0;
    std::string host;                        // in Maildir file names
    std::string relay;                       // the service's name
    FileOwner default_rights;                // default_privs
    std::unique_ptr<FileIdentity> identity;  // made after the start
    std::unique_ptr<RewriteClient> rewrite;
};

}  // namespace relais::local_agent
