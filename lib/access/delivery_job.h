// One order, carried out: the message goes into each recipient's mailbox, the first time as a copy
// and, where the file system lets it, from then on as another name of that file.  Nothing counts
// as saved before the file and its name are on disk.  Blocks: made on a helper thread of a process
// that has the recipients' identity.
#pragma once

#include <string>
#include <vector>

#include "lib/access/delivery_order.h"
#include "lib/store/mail_quota.h"
#include "lib/store/mail_tree.h"
#include "lib/store/maildir_delivery.h"

namespace relais {

// Where a recipient's mail goes.
struct DeliveryPlace {
    std::string mailbox;  // its name
    MailFormat format = MailFormat::kMaildir;
    MailboxPlace place;
    MaildirTarget target;  // of a Maildir
};

class DeliveryJob {
  public:
    // `settings` and `message` outlive this.
    DeliveryJob(const QuotaSettings& settings, int message, DeliveryOrder order)
        : settings_(settings), message_(message), order_(std::move(order)) {}

    // Puts the message into the mailboxes.
    void run();

    // How many of their directories are to be synced still, and every STEP-th of them from FIRST
    // on.  The parts may be made at the same time: the disk writes for several who wait at once.
    std::size_t to_sync() const { return placed_.size() > 1 ? placed_.size() : 0; }

    void sync(std::size_t first, std::size_t step);

    // When all of that is done: one for each recipient.
    const std::vector<DeliveryResult>& results() const { return results_; }

    // A mailbox has been made that its owner wants to be subscribed to.
    struct NewFolder {
        std::string subscriptions;  // the file
        DiskNames names;            // in it
        std::string name;
    };

    const std::vector<NewFolder>& made() const { return made_; }

    // For the log, which is not for helper threads.
    const std::vector<std::string>& notes() const { return notes_; }

    // Commands to be run since a limit was passed.
    struct Warning {
        std::vector<std::string> argv;
        std::string user;
    };

    const std::vector<Warning>& warnings() const { return warnings_; }

  private:
    struct Placed {
        std::size_t recipient = 0;
        MaildirTarget target;
        DeliveredFile file;
    };

    DeliveryResult deliver(const DeliveryRecipient& recipient, std::size_t index);
    std::string make_folder(MailTree& tree, const std::string& name);
    std::string mailbox_for(const DeliveryRecipient& recipient, MailTree& tree);
    [[nodiscard]] Result<DeliveryPlace> place_for(const DeliveryRecipient& recipient,
                                                  MailTree& tree);
    [[nodiscard]] Result<DeliveredFile> put(const MaildirTarget& target);
    [[nodiscard]] Result<void> save(const DeliveryPlace& place, std::size_t index);

    const QuotaSettings& settings_;
    int message_;
    DeliveryOrder order_;
    std::vector<DeliveryResult> results_;
    std::vector<Placed> placed_;
    std::vector<NewFolder> made_;
    std::vector<std::string> notes_;
    std::vector<Warning> warnings_;
};

}  // namespace relais
