// One message over one session: MAIL, RCPT, DATA and the content, pipelined where the server can.
#pragma once

#include "smtp/client.h"
#include "smtp/recipient_list.h"
#include "smtp/session.h"

namespace relais::smtp_client {

// Tells `recipients` what became of each.  Afterwards the session is ready for the next message,
// or session->reusable is false.
[[nodiscard]] Task<void> transfer(Client* client, Session* session, const DeliveryRequest* request,
                                  int queue_fd, RecipientList* recipients);

// The commands, for tests.
[[nodiscard]] std::string mail_command(const DeliveryRequest& request, const Session& session,
                                       bool quote);
[[nodiscard]] std::string rcpt_command(const Recipient& recipient, const Session& session,
                                       bool quote);

}  // namespace relais::smtp_client
