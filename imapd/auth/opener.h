// Opens the users' files on behalf of the unprivileged auth process: a small child that was forked
// while the process was still root.  It opens these paths, for reading, and nothing else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/daemon/root_helper.h"

namespace relais {

class Opener {
  public:
    // Forks the child where the process is root and will not stay it.
    explicit Opener(std::vector<std::string> paths);

    std::size_t size() const { return paths_.size(); }

    const std::string& path(std::size_t index) const { return paths_[index]; }

    // kClosed: the child is gone, and with it soon this process.
    [[nodiscard]] Result<UniqueFd> open(std::size_t index);

    // Ends the process when the child has ended.
    [[nodiscard]] Task<void> watch() const;

  private:
    void serve(int channel) const;

    std::vector<std::string> paths_;
    std::optional<RootHelper> helper_;
};

}  // namespace relais
