// Opens the users' files on behalf of the unprivileged auth process: a small child that was forked
// while the process was still root.  It opens these paths, for reading, and nothing else.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

class Opener {
  public:
    // Forks the child where the process is root and will not stay it.
    explicit Opener(std::vector<std::string> paths);

    std::size_t size() const { return paths_.size(); }

    const std::string& path(std::size_t index) const { return paths_[index]; }

    [[nodiscard]] Result<UniqueFd> open(std::size_t index);

  private:
    void serve(int fd) const;

    std::vector<std::string> paths_;
    UniqueFd channel_;
};

}  // namespace relais
