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

// Lets the proxy filter, if there is one, hear of a command and refuse it: RCPT as the client sent
// it, or that content follows.  The reply, or "".
[[nodiscard]] Task<std::string> pass_recipient(Transaction& mail, std::string command);
[[nodiscard]] Task<std::string> pass_data(Transaction& mail);

// A line of content, or a piece of one; passed on by relieve(), when much has gathered.
void put_content(Transaction& mail, Rec type, std::string_view text);
// What went wrong, as CleanupStatus bits.
[[nodiscard]] Task<unsigned> relieve(Transaction& mail);

// Adds a recipient.
void put_recipient(Transaction& mail, const std::string& recipient, int notify,
                   const std::string& original);

// Ends the envelope and puts the Received: header.
void begin_content(Session& session);

// After the content: what restrictions asked for, and the end.  The verdict of cleanup.
[[nodiscard]] Task<CleanupReply> end_mail(Session& session);

// The same of a proxy filter, unless there are `problems` (CleanupStatus bits) already; logged. The
// reply for the client.
[[nodiscard]] Task<std::string> end_proxied_mail(Session& session, unsigned problems);

// The lines of the Received: header.  RFC 5321 4.4
[[nodiscard]] std::vector<std::string> received_header(const Session& session);

}  // namespace relais::smtpd
