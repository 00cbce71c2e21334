// Several recipients of one request: their files are written first, synced together, and only then
// get their names.  fsync waits for a commit of the file system's journal, and one commit does for
// all.
#pragma once

#include <expected>
#include <optional>
#include <vector>

#include "lib/event/task.h"
#include "lib/mail/dsn.h"
#include "lib/store/maildir_delivery.h"

#include "virtual/mailbox.h"

namespace relais::virtual_agent {

// How many of a request's recipients are under way at once: so many files are open.
inline constexpr std::size_t kTogether = 50;

// A message for one Maildir.  Whoever makes one or finishes it acts as the mailbox's owner.
class MaildirDelivery {
  public:
    MaildirDelivery(MaildirTarget target, const ContentWriter& content)
        : written_(MaildirMessage::write(std::move(target), content)) {}

    // Blocks; any thread may do so.
    void sync();

    // Has the system begin with it.
    void start_sync() const;

    // The outcome of all of it.  The file is in new/, or gone.
    [[nodiscard]] Result<DeliveredFile> finish();

  private:
    std::optional<Result<MaildirMessage>> written_;
    std::optional<Result<void>> synced_;
};

struct PreparedDelivery {
    std::expected<Mailbox, DeliveryStatus> mailbox;
    std::optional<MaildirDelivery> maildir = std::nullopt;  // where it is for one
};

// Until all files are on disk, or can't be.
[[nodiscard]] Task<void> sync_together(std::vector<PreparedDelivery>* deliveries);

}  // namespace relais::virtual_agent
