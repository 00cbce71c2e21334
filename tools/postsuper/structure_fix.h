// Repairs of queue directories: after a copy or a restore, file names no longer match inode
// numbers; after a change of hash_queue_*, files are in the wrong directories; crashes leave
// unfinished files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"
#include "lib/queue/queue_dirs.h"
#include "lib/queue/queue_scan.h"

#include "tools/postsuper/message_actions.h"

namespace relais {

struct StructureOptions {
    bool structure = false;    // -s
    bool long_inodes = false;  // -S: the inode numbers in long ids too
    bool purge = false;        // -p: unfinished files
};

class StructureFix {
  public:
    StructureFix(const QueueDirs& dirs, StructureOptions options, Tally& tally)
        : dirs_(dirs), options_(options), tally_(tally) {}

    // Once, and once more where names had to be changed.  Fatal at last where a directory cannot be
    // read.
    void run(const std::vector<std::string>& queues);

  private:
    // A message whose name does not fit gets a name with a mark in the first pass and its own in
    // the second: neither meets the old name of another, or is taken for a file of its own when the
    // directory shows it again.
    enum class Pass { kMark, kUnmark };

    // A file of a queue, and what it is.
    struct Found {
        QueueScan::Entry entry;
        QueueFileStatus status;  // of a log only that it is a file
        bool is_there = false;
    };

    static Found look_at(const QueueScan::Entry& entry, bool messages);
    void pass_over(const std::vector<std::string>& queues, Pass pass);
    [[nodiscard]] Task<void> pass_over_queue(std::string queue, Pass pass);
    void take(const std::string& queue, const Found& found, Pass pass);
    void take_message(const std::string& queue, const Found& found, Pass pass);
    void put_in_place(const std::string& queue, const QueueScan::Entry& entry);
    void purge(const Found& found) const;
    void remove_surplus(const std::string& directory, int depth, int wanted_depth);
    std::string wanted_id(const std::string& id, const QueueFileStatus& status) const;
    void rename_message(const std::string& queue, const std::string& path, const std::string& name,
                        const std::string& new_name);
    void rename_file(std::string_view queue, const std::string& from, const std::string& new_name);

    const QueueDirs& dirs_;
    StructureOptions options_;
    Tally& tally_;
    std::vector<Error> unread_;  // directories
    bool marked_ = false;        // there are names with a mark
};

}  // namespace relais
