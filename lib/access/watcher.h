// Tells when directories change: one inotify instance for the process.  Where there is none to be
// had, or the kernel gives no more watches, a watch is not active, and who has it must look
// himself.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/mailbox.h"

namespace relais {

// What has happened in a directory: the file that came or went, and nothing where events were lost.
struct DirectoryEvent {
    std::string_view name;
    bool directory = false;
};

// The process may read it, as its watch needs.
[[nodiscard]] bool can_be_watched(const std::string& directory);

class DirectoryWatch {
  public:
    // Called from the loop, once or more for each change.  It must not make or end a watch.
    using Callback = std::function<void(const DirectoryEvent& event)>;

    // Both watch as long as they live.  The first wakes the sessions that idle on the mailbox.
    explicit DirectoryWatch(Mailbox& box);
    DirectoryWatch(const std::vector<Mailbox::Watched>& parts, Callback callback);
    ~DirectoryWatch();
    DirectoryWatch(const DirectoryWatch&) = delete;
    DirectoryWatch& operator=(const DirectoryWatch&) = delete;

    bool active() const { return !numbers_.empty(); }

    std::chrono::milliseconds poll_interval() const { return std::chrono::seconds(5); }

  private:
    Callback callback_;
    std::vector<int> numbers_;
};

// Reads what inotify has to tell, until cancelled.  Runs once in the process.
[[nodiscard]] Task<void> read_directory_events();

// The same at once, for what has happened up to now.
void take_directory_events();

}  // namespace relais
