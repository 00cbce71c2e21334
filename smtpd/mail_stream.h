// The message on its way to cleanup: the records of the envelope, the Received: header, the
// content.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"

#include "smtpd/transaction.h"

namespace relais::smtpd {

class Session;

// Connects with cleanup and puts what is known: arrival, sender, attributes of the client.  The
// reply that refuses the command where that fails, or "".
[[nodiscard]] Task<std::string> open_mail(Session& session);

// Adds a recipient.
void put_recipient(Transaction& mail, const std::string& recipient, int notify,
                   const std::string& original);

// Ends the envelope and puts the Received: header.
void begin_content(Session& session);

// After the content: what restrictions asked for, and the end.  The verdict of cleanup.
[[nodiscard]] Task<CleanupReply> end_mail(Session& session);

// The lines of the Received: header.  RFC 5321 4.4
[[nodiscard]] std::vector<std::string> received_header(const Session& session);

}  // namespace relais::smtpd
