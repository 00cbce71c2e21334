// One file of maildrop on its way to cleanup.
#pragma once

#include <memory>
#include <string>

#include "lib/event/task.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/queue/queue_dirs.h"
#include "lib/queue/record_reader.h"

namespace relais::pickup {

enum class SubmissionEnd {
    kGone,      // the message is in the queue, or returned, or unusable, and the file removed
    kPassedOn,  // the same, but the file cannot be removed
    kKept,      // some other time
};

// Removes a file of maildrop whose message is in the queue.
[[nodiscard]] SubmissionEnd remove_submitted(const std::string& path);

class Submission {
  public:
    Submission(const QueueDirs& dirs, std::string name, std::string path, QueueFileStatus status);

    [[nodiscard]] Task<SubmissionEnd> run();

  private:
    enum class Segment { kEnvelope, kContent, kExtracted };

    void check_times() const;
    bool is_requeued() const;
    unsigned cleanup_flags() const;
    [[nodiscard]] Task<Result<CleanupReply>> send();
    [[nodiscard]] Task<Result<void>> copy_records();
    void take(const Record& record);
    void take_envelope(const Record& record);
    void begin_content();
    SubmissionEnd finish(const Result<CleanupReply>& reply);
    SubmissionEnd set_aside(const std::string& why);

    const QueueDirs& dirs_;
    std::string name_;
    std::string path_;
    QueueFileStatus status_;
    std::unique_ptr<CleanupClient> cleanup_;
    Segment segment_ = Segment::kEnvelope;
    bool time_sent_ = false;
    bool first_line_ = true;
    std::string sender_;
    bool malformed_ = false;  // the file is no message
};

}  // namespace relais::pickup
