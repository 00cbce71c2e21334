// Wakes the sessions that idle on a mailbox when its directory changes: one inotify instance for
// the process.  Where there is none to be had, sessions look every few seconds.
#pragma once

#include <chrono>
#include <vector>

#include "lib/store/mailbox.h"

namespace relais {

class DirectoryWatch {
  public:
    // Watches as long as it lives.
    explicit DirectoryWatch(Mailbox& box);
    ~DirectoryWatch();
    DirectoryWatch(const DirectoryWatch&) = delete;
    DirectoryWatch& operator=(const DirectoryWatch&) = delete;

    bool active() const { return !numbers_.empty(); }

    std::chrono::milliseconds poll_interval() const { return std::chrono::seconds(5); }

  private:
    Mailbox& box_;
    std::vector<int> numbers_;
};

// Reads what inotify has to tell, until cancelled.  Runs once in the process.
[[nodiscard]] Task<void> read_directory_events();

}  // namespace relais
