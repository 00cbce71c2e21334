// One message over one session: MAIL, RCPT, DATA and the content, pipelined where the server can.
#pragma once

#include "smtp/client.h"
#include "smtp/recipient_list.h"
#include "smtp/session.h"

namespace relais::smtp_client {

// Tells `recipients` what became of each.  Afterwards the session is ready for the next message,
// or session->reusable is false.
[[nodiscard]] Task<void> transfer(Client* client, Session* session, Delivery* delivery,
                                  RecipientList* recipients, RequireTls require_tls);

// The commands, with an address as it shall stand between "<" and ">".
[[nodiscard]] std::string mail_command(const std::string& sender, const DeliveryRequest& request,
                                       const smtp::Capabilities& server);
[[nodiscard]] std::string rcpt_command(const std::string& address, const Recipient& recipient,
                                       const smtp::Capabilities& server);

}  // namespace relais::smtp_client
