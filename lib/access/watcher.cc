#include "lib/access/watcher.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>

#include <fcntl.h>
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
constexpr std::uint32_t kAnything = ~std::uint32_t{0};

std::uint32_t events_of(Mailbox::Watched::Kind kind) {
    switch (kind) {
        case Mailbox::Watched::Kind::kEntries:
            return kFiles | kItself;
        case Mailbox::Watched::Kind::kFiles:
            return kFiles | IN_MODIFY | kItself;
        case Mailbox::Watched::Kind::kContent:
            return IN_MODIFY | IN_ATTRIB | kItself;
        case Mailbox::Watched::Kind::kItself:
            break;
    }
    return kItself;
}

class Watches {
  public:
    using Callback = DirectoryWatch::Callback;

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

    // The numbers of the watches of all parts; none when the kernel will not.  It has one watch for
    // each directory, whoever asks, so each user's events are kept beside it.
    std::vector<int> add(std::span<const Mailbox::Watched> parts, const Callback& callback) {
        std::vector<int> numbers;
        for (const auto& [path, kind] : parts) {
            std::uint32_t events = events_of(kind);
            int number =
                fd() < 0 ? -1 : ::inotify_add_watch(fd(), path.c_str(), events | IN_MASK_ADD);
            if (number < 0) {
                remove(numbers, callback);
                return {};
            }
            watched_[number].push_back({&callback, events});
            numbers.push_back(number);
        }
        return numbers;
    }

    void remove(const std::vector<int>& numbers, const Callback& callback) {
        for (int number : numbers) {
            auto found = watched_.find(number);
            if (found == watched_.end()) {
                continue;  // two paths led to one directory
            }
            std::erase_if(found->second,
                          [&callback](const User& user) { return user.callback == &callback; });
            if (found->second.empty()) {
                ::inotify_rm_watch(fd_.get(), number);
                watched_.erase(found);
            }
        }
    }

    // Takes all events that wait and tells those whom they concern.
    void take_events() {
        alignas(inotify_event) std::array<char, 16384> buffer;
        for (;;) {
            ssize_t got = fd_ ? ::read(fd_.get(), buffer.data(), buffer.size()) : 0;
            if (got <= 0) {
                return;
            }
            for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
                inotify_event event;
                std::memcpy(&event, buffer.data() + at, sizeof(event));
                const char* name = buffer.data() + at + sizeof(event);
                tell(event, std::string_view(name, ::strnlen(name, event.len)));
                at += sizeof(event) + event.len;
            }
        }
    }

  private:
    struct User {
        const Callback* callback;
        std::uint32_t events;
    };

    void tell(const inotify_event& event, std::string_view name) {
        if (event.wd < 0) {  // the queue has overflown
            for (const auto& [number, users] : watched_) {
                announce(users, kAnything, {});
            }
            return;
        }
        auto found = watched_.find(event.wd);
        if (found != watched_.end()) {
            announce(found->second, event.mask, {name, (event.mask & IN_ISDIR) != 0});
        }
    }

    static void announce(const std::vector<User>& users, std::uint32_t mask,
                         const DirectoryEvent& event) {
        for (const User& user : users) {
            if ((user.events & mask) != 0) {
                (*user.callback)(event);
            }
        }
    }

    UniqueFd fd_;
    bool failed_ = false;
    std::map<int, std::vector<User>> watched_;
};

}  // namespace

bool can_be_watched(const std::string& directory) {
    return ::faccessat(AT_FDCWD, directory.c_str(), R_OK, AT_EACCESS) == 0;
}

DirectoryWatch::DirectoryWatch(Mailbox& box)
    : DirectoryWatch(box.watched(), [&box](const DirectoryEvent&) { box.changes().announce(); }) {
}

DirectoryWatch::DirectoryWatch(const std::vector<Mailbox::Watched>& parts, Callback callback)
    : callback_(std::move(callback)), numbers_(Watches::instance().add(parts, callback_)) {
}

DirectoryWatch::~DirectoryWatch() {
    Watches::instance().remove(numbers_, callback_);
}

void take_directory_events() {
    Watches::instance().take_events();
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
