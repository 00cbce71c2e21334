// One message on its way in: the envelope as it grows, and the connection with cleanup that takes
// it.  Begins with MAIL, ends with the reply to the data, RSET, HELO or QUIT.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/ipc/cleanup_client.h"
#include "lib/mail/dsn.h"
#include "lib/smtp/envelope_command.h"

namespace relais::smtpd {

// What restrictions ask to be done with the message besides refusing it.
struct MessageActions {
    unsigned cleanup_flags = 0;  // kCleanupHold, kCleanupDiscard
    std::string filter;          // FILTER
    std::string redirect;        // REDIRECT
    std::vector<std::string> bcc;
    std::vector<std::string> prepend;
};

struct Transaction {
    std::optional<std::string> sender;  // set: MAIL was accepted
    smtp::MailParameters parameters;
    std::string instance;         // unique for each message, for policies
    int recipients = 0;           // accepted
    std::string first_recipient;  // of the accepted ones
    int overshoot = 0;            // refused for too many recipients
    bool had_rcpt_command = false;
    std::unique_ptr<CleanupClient> cleanup;
    std::string queue_id;
    std::uint64_t content_size = 0;
    MessageActions actions;

    bool active() const { return sender.has_value(); }
};

}  // namespace relais::smtpd
