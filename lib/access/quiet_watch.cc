#include "lib/access/quiet_watch.h"

#include <algorithm>
#include <array>
#include <utility>

#include <linux/magic.h>
#include <sys/vfs.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

// Of the watches that the kernel gives to all processes of the account, which may be one for all
// users, this process takes no more than this part.
constexpr std::uint64_t kPart = 16;
constexpr std::uint64_t kMost = 16384;     // each holds a directory in the kernel's memory
constexpr std::uint64_t kSmallest = 8192;  // what the kernel allows at the least

std::size_t watches_in_use = 0;

std::size_t most_watches() {
    static const std::size_t most = [] {
        auto text = read_file("/proc/sys/fs/inotify/max_user_watches", 100);
        auto number = text ? parse_uint(trim(*text, " \n")) : std::nullopt;
        return static_cast<std::size_t>(std::min(number.value_or(kSmallest) / kPart, kMost));
    }();
    return most;
}

// What we write beside a mailbox without changing it.
bool is_of_no_matter(std::string_view name) {
    constexpr std::array<std::string_view, 4> kOwn = {"relais.index", "relais.index.tmp",
                                                      "relais.cache", "relais.cache.tmp"};
    return std::ranges::find(kOwn, name) != kOwn.end();
}

// Of changes that other machines make the kernel tells nothing, and most file systems are known to
// be of this machine alone.
bool is_of_this_machine(const std::string& path) {
    constexpr std::array<std::uint64_t, 9> kLocal = {
        EXT4_SUPER_MAGIC,     XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
        F2FS_SUPER_MAGIC,     TMPFS_MAGIC,           RAMFS_MAGIC,
        REISERFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, 0x2fc12fc1 /* ZFS */};
    struct statfs info{};
    return ::statfs(path.c_str(), &info) == 0 &&
           std::ranges::find(kLocal, static_cast<std::uint64_t>(info.f_type) & 0xffffffff) !=
               kLocal.end();
}

// One that is cut short may have missed what the kernel told of.
struct Look {
    Look(int& looks, bool& touched) : looks_(looks), touched_(touched) { ++looks_; }

    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;

    ~Look() {
        --looks_;
        touched_ |= !seen_all;
    }

    bool seen_all = false;

  private:
    int& looks_;
    bool& touched_;
};

}  // namespace

QuietWatch::~QuietWatch() {
    end();
}

void QuietWatch::end() {
    watch_.reset();
    watches_in_use -= std::exchange(parts_, 0);
}

void QuietWatch::begin(Mailbox& box) {
    auto parts = box.watched_for_state();
    bool told = std::ranges::all_of(
        parts, [](const Mailbox::Watched& part) { return is_of_this_machine(part.path); });
    if (parts.empty() || !told || watches_in_use + parts.size() > most_watches()) {
        return;
    }
    watch_.emplace(
        parts, [this](const DirectoryEvent& event) { touched_ |= !is_of_no_matter(event.name); });
    if (watch_->active()) {
        parts_ = parts.size();
        watches_in_use += parts_;
    } else {
        watch_.reset();
    }
}

Task<Result<void>> QuietWatch::look(Mailbox* box) {
    if (watch_) {
        take_directory_events();
    }
    if (watch_ && !touched_ && looks_ == 0 && box->at_rest()) {
        co_return Result<void>();
    }
    // Anew, for another directory may have taken the place of one that is watched.
    end();
    if (seen_) {
        begin(*box);
    }
    seen_ = true;
    touched_ = !watch_;  // what happens from here on is told
    Look under_way(looks_, touched_);
    auto looked = co_await box->sync(MailboxAccess::kReadOnly);
    under_way.seen_all = looked.has_value();
    co_return looked;
}

}  // namespace relais
