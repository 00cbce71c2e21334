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
    bool discard = false;        // DISCARD: no recipient is looked at any more
    std::vector<std::string> bcc;
    std::vector<std::string> prepend;
};

struct Chunks;
class ProxyFilter;

struct Transaction {
    Transaction();
    ~Transaction();
    Transaction(Transaction&&) noexcept;
    Transaction& operator=(Transaction&&) noexcept;

    std::optional<std::string> sender;  // set: MAIL was accepted
    smtp::MailParameters parameters;
    std::uint64_t announced_size = 0;  // by MAIL, also by one that was refused for it
    std::string instance;              // unique for each message, for policies
    int recipients = 0;                // accepted
    std::string first_recipient;       // of the accepted ones
    int overshoot = 0;                 // refused for too many recipients
    std::string command;               // MAIL as it came, for the proxy filter
    std::unique_ptr<CleanupClient> cleanup;
    std::unique_ptr<ProxyFilter> proxy;  // in cleanup's place (smtpd_proxy_filter)
    std::string queue_id;
    std::uint64_t content_size = 0;
    MessageActions actions;
    std::unique_ptr<Chunks> chunks;  // set: BDAT has brought content
    bool chunks_failed = false;      // a BDAT was refused, and so are those behind it

    bool chunks_begun() const { return chunks != nullptr || chunks_failed; }

    // Something takes the message: recipients can follow.
    bool open() const { return cleanup != nullptr || proxy != nullptr; }

    bool active() const { return sender.has_value(); }

    // The recipient that log lines about the whole message name: the only one.
    std::optional<std::string> only_recipient() const {
        return recipients == 1 ? std::optional(first_recipient) : std::nullopt;
    }
};

}  // namespace relais::smtpd
