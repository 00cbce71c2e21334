// The mailboxes of a user on another machine of ours, over a pipe to a ReplicaServer there.
#pragma once

#include <chrono>
#include <string>

#include "lib/event/stream.h"
#include "lib/sync/replica.h"
#include "lib/sync/replica_wire.h"

namespace relais {

class RemoteReplica : public Replica {
  public:
    RemoteReplica(UniqueFd fd, std::chrono::seconds patience);

    // Another one than the plain one, before anything else.
    void set_transport(std::unique_ptr<Transport> transport) {
        stream_.set_transport(std::move(transport));
    }

    // Whether there is one of ours at the other end.
    [[nodiscard]] Task<Result<void>> greet();

    [[nodiscard]] Task<Result<std::vector<SyncMailbox>>> list() override;
    [[nodiscard]] Task<Result<MailboxContent>> look(std::string mailbox) override;
    [[nodiscard]] Task<Result<std::vector<SyncText>>> read(
        std::string mailbox, std::vector<std::uint32_t> uids) override;
    [[nodiscard]] Task<Result<void>> change_tree(TreeChange change) override;
    [[nodiscard]] Task<Result<void>> change(std::string mailbox, MailboxChange change) override;
    [[nodiscard]] Task<Result<void>> put(std::string mailbox,
                                         std::vector<SyncText> messages) override;

  private:
    Stream stream_;
};

// The other end: answers until the stream ends.
[[nodiscard]] Task<Result<void>> serve_replica(Replica* replica, Stream* stream);

}  // namespace relais
