// The root helper of services that deliver: forks a process for the owner of a user's mailbox.
#pragma once

namespace relais {

// Its life: over `channel` come a user's name and the socket of the process that is wanted.  Who
// he is, it asks auth itself.
void serve_delivery_helper(int channel);

}  // namespace relais
