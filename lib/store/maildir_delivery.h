// Delivery into a Maildir, for local(8) and virtual(8): the message is written and synced in tmp/
// and then moved to new/, so that readers and crashes see all of it or nothing.
// Runs with the caller's effective uid and blocks; event-driven callers wrap it in run_blocking().
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <sys/time.h>

#include "lib/base/unique_fd.h"
#include "lib/store/file_sink.h"
#include "lib/store/shared_lock.h"

namespace relais {

enum class DirectorySync { kNo, kYes };

struct MaildirTarget {
    std::string directory;  // with or without the final slash; made when missing, mode 0700
    std::string host;       // myhostname, the last part of the file's name
    DirectorySync directory_sync = DirectorySync::kYes;
    std::string sizes = {};  // behind the name, where they are known: ",S=123,W=130"
    unsigned file_mode = 0600;
    bool counted = true;  // in maildirsize, where there is one
    Storage storage = Storage::kOwn;
    std::string size_root = {};  // where maildirsize is; empty: as the directory's name says
};

struct DeliveredFile {
    std::string path;
    std::uint64_t size = 0;
};

// A delivery in steps, for who has several: their files are written, and synced together, before
// the first of them gets its name in new/.  A journal then makes one commit for all.
class MaildirMessage {
  public:
    // Writes the message into tmp/.
    [[nodiscard]] static Result<MaildirMessage> write(MaildirTarget target,
                                                      const ContentWriter& content);

    MaildirMessage(MaildirMessage&& other) noexcept;
    MaildirMessage& operator=(MaildirMessage&&) = delete;

    // Removes the file from tmp/ where it was not moved: as the user who wrote it.
    ~MaildirMessage();

    // Has the system begin to write the file out, without waiting for it.
    void start_sync() const;

    // Waits until it is on disk.  Any thread may do so, with any identity.
    [[nodiscard]] Result<void> sync() const;

    // Moves the file to new/, once it is synced.
    [[nodiscard]] Result<DeliveredFile> publish();

  private:
    MaildirMessage(MaildirTarget target, std::string base)
        : target_(std::move(target)), base_(std::move(base)) {}

    Result<void> create();

    MaildirTarget target_;
    std::string base_;  // the directory, with a slash
    timeval begun_{};
    std::string temporary_;  // empty: it is in new/
    UniqueFd fd_;
    std::uint64_t size_ = 0;
};

// All of it.  Errors of the file system carry sys_errno and a text like "create maildir file PATH:
// REASON".
[[nodiscard]] Result<DeliveredFile> deliver_maildir(const MaildirTarget& target,
                                                    const ContentWriter& content);

// The same message once more: another name for the file at `from`.  An error with EXDEV, EMLINK or
// EPERM means that it takes a copy.
[[nodiscard]] Result<DeliveredFile> deliver_maildir_link(const MaildirTarget& target,
                                                         const DeliveredFile& from);

// The name is to outlive a crash, for who has delivered without DirectorySync.  Where it cannot be
// made to, the delivery is undone.
[[nodiscard]] Result<void> sync_delivery(const MaildirTarget& target, const DeliveredFile& file);

// The host part of a Maildir file name: "/" and ":" are written as octal escapes.
[[nodiscard]] std::string maildir_host(std::string_view host);

}  // namespace relais
