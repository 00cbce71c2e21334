#include "lib/access/quiet_watch.h"

#include <algorithm>
#include <array>

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

}  // namespace

QuietWatch::~QuietWatch() {
    watches_in_use -= parts_;
}

void QuietWatch::begin(Mailbox& box) {
    auto parts = box.watched_for_state();
    if (watch_ || parts.empty() || watches_in_use + parts.size() > most_watches()) {
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
    if (watch_ && !touched_ && box->at_rest()) {
        co_return Result<void>();
    }
    if (seen_) {
        begin(*box);
    }
    seen_ = true;
    touched_ = !watch_;  // what happens from here on is told
    auto looked = co_await box->sync(MailboxAccess::kReadOnly);
    touched_ |= !looked;
    co_return looked;
}

}  // namespace relais
