// Where the files of the queues are: queue directories, hashed or flat, and moves between them.
// Paths are relative to queue_directory, the working directory of every daemon and queue tool.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "lib/base/result.h"
#include "lib/queue/queue_id.h"

namespace relais {

inline constexpr std::string_view kMaildrop = "maildrop";
inline constexpr std::string_view kIncoming = "incoming";
inline constexpr std::string_view kActive = "active";
inline constexpr std::string_view kDeferred = "deferred";
inline constexpr std::string_view kHold = "hold";
inline constexpr std::string_view kCorrupt = "corrupt";
inline constexpr std::string_view kSaved = "saved";
// Per-message logs of the bounce service.
inline constexpr std::string_view kBounceLog = "bounce";
inline constexpr std::string_view kDeferLog = "defer";
inline constexpr std::string_view kTraceLog = "trace";
inline constexpr std::string_view kFlushLog = "flush";

// Mode bits of queue files and what they mean.
inline constexpr mode_t kModeIncomplete = 0600;  // being written
inline constexpr mode_t kModeReady = 0700;       // complete
inline constexpr mode_t kModeReadyMaildrop = 0744;
inline constexpr mode_t kModeCorrupt = 0400;      // with 0300 off: an agent found it corrupt
inline constexpr mode_t kModeUnthrottle = 0040;   // flush it as if its site were alive
inline constexpr mode_t kModeForceExpire = 0010;  // postsuper -e
inline constexpr mode_t kModeFromPostdrop = 0004;

class QueueDirs {
  public:
    // hash_queue_names, hash_queue_depth, enable_long_queue_ids
    QueueDirs(std::vector<std::string> hashed, int depth, QueueIdForm form);

    QueueIdForm id_form() const { return form_; }

    int hash_depth(std::string_view queue) const;

    // "deferred/6/62D97A84925"
    std::string path(std::string_view queue, std::string_view id) const;

    // Makes the directories that path() needs, mode 0700.
    Result<void> make_directories(std::string_view queue, std::string_view id) const;

    // rename, with directories made on demand.
    Result<void> move(std::string_view id, std::string_view from, std::string_view to) const;
    Result<void> remove(std::string_view queue, std::string_view id) const;
    // The same where most often nothing is there, and nobody asks.
    void remove_left_over(std::string_view queue, std::string_view id) const;

  private:
    std::vector<std::string> hashed_;
    int depth_;
    QueueIdForm form_;
};

// lstat of a queue file, as qmgr, pickup, showq and postsuper look at it.
struct QueueFileStatus {
    struct stat info{};

    bool regular() const { return S_ISREG(info.st_mode); }

    bool ready() const { return regular() && (info.st_mode & kModeReady) == kModeReady; }

    bool corrupt_mark() const { return regular() && (info.st_mode & kModeReady) == kModeCorrupt; }

    bool force_expired() const { return (info.st_mode & kModeForceExpire) != 0; }
};

[[nodiscard]] Result<QueueFileStatus> queue_file_status(const std::string& path);

}  // namespace relais
