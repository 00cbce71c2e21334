// Repairs of queue directories: after a copy or a restore, file names no longer match inode
// numbers; after a change of hash_queue_*, files are in the wrong directories; crashes leave
// unfinished files.
#pragma once

#include <string>
#include <vector>

#include "lib/queue/queue_dirs.h"

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

    // Once, and once more where names had to be changed.
    void run(const std::vector<std::string>& queues);

  private:
    struct File {
        std::string name;
        std::string path;
    };

    void pass(const std::vector<std::string>& queues);
    void collect(const std::string& directory, std::size_t depth, std::size_t wanted_depth,
                 std::vector<File>& found);
    void take(const std::string& queue, const File& file);
    bool purge(const File& file, const QueueFileStatus& status) const;
    std::string wanted_id(const std::string& id, const QueueFileStatus& status) const;
    void rename_message(const std::string& queue, const File& file, const std::string& new_name);
    bool rename_file(std::string_view queue, const std::string& from, const std::string& new_name);

    const QueueDirs& dirs_;
    StructureOptions options_;
    Tally& tally_;
    bool mismatch_ = false;
};

}  // namespace relais
