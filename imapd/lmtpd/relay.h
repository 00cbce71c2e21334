// Mail for users whose mailbox is on another machine (lmtpd_proxy): one transaction there, by LMTP
// (RFC 2033), for all recipients of this one who are there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/proxy_backends.h"
#include "lib/access/smtp_backend.h"
#include "lib/event/stream.h"

namespace relais::lmtpd {

// Who has sent it, as the other machine is told.
struct RelayedMail {
    std::string sender;  // quoted
    bool utf8 = false;
    ProxiedClient client;
};

// What of a message goes there: `added` instead of the first `skipped` bytes.
struct RelayedContent {
    int fd = -1;
    std::int64_t skipped = 0;
    std::string added;  // header fields, with LF line ends
};

class Relay {
  public:
    // Connects, and says from whom the mail is.  The error is for the log.  `backends` must outlive
    // it.
    [[nodiscard]] static Task<Result<std::unique_ptr<Relay>>> open(ProxyBackends* backends,
                                                                   ProxyTarget target,
                                                                   RelayedMail mail);

    bool goes_to(const ProxyTarget& target) const;

    // The reply to a recipient.  `taken`: a reply about the content will follow.
    struct Answer {
        bool taken = false;
        std::string reply;  // lines with CRLF between
    };

    [[nodiscard]] Task<Answer> add(std::string path);

    // The replies to the content, one for each recipient that was taken, in their order.
    [[nodiscard]] Task<std::vector<std::string>> send(RelayedContent content);

  private:
    Relay(std::unique_ptr<Stream> stream, ProxyTarget target, ProxyBackends& backends);

    [[nodiscard]] Task<Result<void>> begin(RelayedMail mail);
    [[nodiscard]] Task<void> send_content(const RelayedContent* content);
    [[nodiscard]] Task<void> converse_about(const RelayedContent* content,
                                            std::vector<std::string>* replies);

    std::unique_ptr<Stream> stream_;
    ProxyTarget target_;
    SmtpBackend server_;
    std::vector<std::string> taken_;  // recipients
    bool broken_ = false;
};

}  // namespace relais::lmtpd
