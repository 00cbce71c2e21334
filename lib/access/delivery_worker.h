// The process that writes into the mailboxes of one user id and group id.  It takes orders over a
// SOCK_SEQPACKET socket, several at a time, and ends when the other side does.
#pragma once

#include "lib/access/login_inquiry.h"
#include "lib/base/unique_fd.h"

namespace relais {

// Takes on the identity and serves.  In a process forked for it.
[[noreturn]] void run_delivery_worker(UniqueFd channel, const WorkerIdentity& identity);

}  // namespace relais
