// One notification: a multipart/report (RFC 6522) of a text for people, a delivery status part
// (RFC 3464) and the message that it is about, or its header.
#pragma once

#include <optional>
#include <string>

#include "lib/config/utf8_mode.h"
#include "lib/ipc/bounce_client.h"
#include "lib/ipc/internal_mail.h"
#include "lib/queue/delivery_log.h"

#include "bounce/subject_message.h"
#include "bounce/templates.h"

namespace relais::bounce {

// The recipients that a notification reports on, in two passes.
class Entries {
  public:
    // Those of a log whose NOTIFY allows it; `filter` 15 takes all.  A missing log is -1.
    Entries(int log_fd, DeliveryLogReader::Defaults defaults, int filter)
        : reader_(log_fd, defaults, utf8_mode()), has_log_(log_fd >= 0), filter_(filter) {}

    // One alone.
    explicit Entries(LogEntry one);

    std::optional<LogEntry> next();
    void rewind();

    // True when there is something to report.  A log that is not there is reported as missing.
    bool any();

    // Why the log could not be read to its end, if so.
    const std::optional<Error>& failure() const { return failure_; }

    bool log_missing() const { return !one_ && !has_log_; }

  private:
    DeliveryLogReader reader_;
    bool has_log_ = false;
    int filter_ = 0;
    std::optional<Error> failure_;
    std::optional<LogEntry> one_;
    bool one_taken_ = false;
};

inline constexpr int kEveryNotify = 15;

enum class Copy { kForSender, kForPostmaster };

struct NotificationPlan {
    const BounceRequest* request = nullptr;
    const SubjectMessage* message = nullptr;
    const Template* source = nullptr;
    Copy copy = Copy::kForSender;
    std::string sender;     // envelope
    std::string recipient;  // envelope and To:
    DsnRet ret = DsnRet::kHeaders;
};

// Posts it; its queue id.
[[nodiscard]] Task<Result<std::string>> post_notification(NotificationPlan plan, Entries* entries);

}  // namespace relais::bounce
