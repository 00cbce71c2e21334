// Spares a look at a mailbox to which nothing has happened: who asks for the state of a thousand
// folders again and again would look at seven files of each.  A mailbox that is looked at for the
// second time is watched from then on, as far as there are watches to be had; what the kernel has
// not told of has not happened.
#pragma once

#include <cstddef>
#include <optional>

#include "lib/access/watcher.h"
#include "lib/event/loop.h"

namespace relais {

class QuietWatch {
  public:
    QuietWatch() = default;
    ~QuietWatch();
    QuietWatch(const QuietWatch&) = delete;
    QuietWatch& operator=(const QuietWatch&) = delete;

    // As box->sync() for reading; does nothing where that would find nothing.
    [[nodiscard]] Task<Result<void>> look(Mailbox* box);

  private:
    void begin(Mailbox& box);
    void end();

    std::optional<DirectoryWatch> watch_;
    bool seen_ = false;    // it was looked at before
    bool touched_ = true;  // something may have happened since then
    std::size_t parts_ = 0;
    int looks_ = 0;  // that are under way
};

}  // namespace relais
