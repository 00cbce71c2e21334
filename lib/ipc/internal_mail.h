// Mail that the system itself sends: notifications of bounce(8), notices of smtpd(8) and smtp(8),
// probes of verify(8).  It goes to cleanup(8) with a Received and a Date header; what the caller
// writes comes after them, line by line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/ipc/mail_source.h"

namespace relais {

struct InternalMailOptions {
    std::string sender;
    std::string recipient;
    MailSource source = MailSource::kBounce;
    unsigned cleanup_flags = 0;  // kCleanupSmtputf8 and the like, in addition
    int trace_flags = 0;
};

class InternalMail {
  public:
    [[nodiscard]] static Task<Result<std::unique_ptr<InternalMail>>> open(
        InternalMailOptions options);

    const std::string& queue_id() const { return client_->queue_id(); }

    // One line of header or body.
    void line(std::string_view text) { client_->put(Rec::kLine, text); }

    // A record of another message's content: a line, or a part of one.
    void content(Rec type, std::string_view text) { client_->put(type, text); }

    // Hands over what has gathered, once that is much.
    [[nodiscard]] Task<Result<void>> flush_if_large();

    // Ends the message; a success means that it is on disk.  Without this call it is discarded.
    [[nodiscard]] Task<Result<void>> finish();

  private:
    explicit InternalMail(std::unique_ptr<CleanupClient> client) : client_(std::move(client)) {}

    std::unique_ptr<CleanupClient> client_;
};

// double_bounce_sender with the host: the sender of notices that must not bounce.
[[nodiscard]] std::string double_bounce_address();

// The address that an empty sender is shown as.
[[nodiscard]] std::string mailer_daemon_address();

}  // namespace relais
