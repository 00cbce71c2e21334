#include "lib/access/watcher.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include <sys/inotify.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/socket.h"

namespace relais {

namespace {

// So many changes may come at once that each is not worth a look of its own.
constexpr std::chrono::milliseconds kGather{50};

constexpr std::uint32_t kFiles = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t kItself = IN_DELETE_SELF | IN_MOVE_SELF;
// The mailbox's own directory sees each lock come and go, so there only its leaving counts.
constexpr std::array<std::pair<const char*, std::uint32_t>, 3> kWatched = {
    {{"/new", kFiles | kItself}, {"/cur", kFiles | kItself}, {"", kItself}}};

class Watches {
  public:
    static Watches& instance() {
        static Watches watches;
        return watches;
    }

    int fd() {
        if (!fd_ && !failed_) {
            fd_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
            failed_ = !fd_;
            if (failed_) {
                log_info("no change notification: {}; looking every few seconds",
                         std::strerror(errno));
            }
        }
        return fd_.get();
    }

    // Three watches for each mailbox, counted: the kernel gives one for each directory, which after
    // a renaming may be that of several objects. Their numbers; none when the kernel will not.
    std::vector<int> add(Mailbox& box) {
        std::vector<int> numbers;
        bool complete = fd() >= 0;
        for (const auto& [part, events] : kWatched) {
            if (!complete) {
                break;
            }
            int number = ::inotify_add_watch(fd(), (box.place().directory + part).c_str(), events);
            if (number < 0) {
                complete = false;
                break;
            }
            ++watched_[number][&box];
            numbers.push_back(number);
        }
        if (!complete) {
            remove(box, numbers);
            numbers.clear();
        }
        return numbers;
    }

    void remove(Mailbox& box, const std::vector<int>& numbers) {
        for (int number : numbers) {
            Users& users = watched_[number];
            if (--users[&box] == 0) {
                users.erase(&box);
            }
            if (users.empty()) {
                ::inotify_rm_watch(fd_.get(), number);
                watched_.erase(number);
            }
        }
    }

    // Takes all events that wait and wakes the sessions of the mailboxes that they are about.
    void take_events() {
        alignas(inotify_event) std::array<char, 16384> buffer;
        for (;;) {
            ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
            if (got <= 0) {
                return;
            }
            for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
                inotify_event event;
                std::memcpy(&event, buffer.data() + at, sizeof(event));
                at += sizeof(event) + event.len;
                wake(event.wd);
            }
        }
    }

  private:
    using Users = std::map<Mailbox*, int>;

    void wake(int number) {
        if (number < 0) {  // the queue has overflown
            for (const auto& [each, users] : watched_) {
                announce(users);
            }
            return;
        }
        auto found = watched_.find(number);
        if (found != watched_.end()) {
            announce(found->second);
        }
    }

    static void announce(const Users& users) {
        for (const auto& [box, count] : users) {
            box->changes().announce();
        }
    }

    UniqueFd fd_;
    bool failed_ = false;
    std::map<int, Users> watched_;
};

}  // namespace

DirectoryWatch::DirectoryWatch(Mailbox& box) : box_(box), numbers_(Watches::instance().add(box)) {
}

DirectoryWatch::~DirectoryWatch() {
    Watches::instance().remove(box_, numbers_);
}

Task<void> read_directory_events() {
    int fd = Watches::instance().fd();
    if (fd < 0) {
        co_return;
    }
    for (;;) {
        co_await wait_fd_readable(fd);
        co_await sleep_for(kGather);
        Watches::instance().take_events();
    }
}

}  // namespace relais
