// What all deliveries of the process share: tables, locks, the identity, the address resolver.
#pragma once

#include <string>

#include "lib/deliver/identity.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/maps/table_set.h"
#include "lib/store/mbox_delivery.h"

namespace relais::local_agent {

struct Site {
    Site();

    TableSet aliases;
    TableSet mailbox_transports;
    TableSet mailbox_commands;
    TableSet fallback_transports;
    MboxTarget mbox;  // locks and patience
    FileIdentity identity;
    RewriteClient rewrite;
    std::string host;
    std::string service;  // the name that the resolver gives this agent
};

}  // namespace relais::local_agent
