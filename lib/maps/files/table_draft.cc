#include "lib/maps/files/table_draft.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

#include "lib/base/format.h"
#include "lib/base/log.h"

namespace relais {

namespace {

constexpr std::size_t kBlockSize = std::size_t{1} << 20;
constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kMostEntries = std::numeric_limits<std::uint32_t>::max() - 1;

// Most comparisons end with the bytes behind what all keys begin with, which are at hand here.
struct Item {
    std::uint32_t number;
    std::uint32_t entry;
    std::uint64_t rank;
    std::uint64_t next_rank;
};

constexpr std::size_t kRankBytes = sizeof(std::uint64_t);

// As a number that compares as the bytes do.
std::uint64_t first_bytes(std::string_view text) {
    std::uint64_t out = 0;
    std::memcpy(&out, text.data(), std::min(text.size(), kRankBytes));
    return std::endian::native == std::endian::little ? std::byteswap(out) : out;
}

std::uint32_t tag_of(std::string_view key) {
    std::size_t hash = std::hash<std::string_view>()(key);
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

Result<void> report_duplicate(std::string_view key, TableFlags flags, std::string_view name) {
    if ((flags & table_flag::kIgnoreDuplicate) != 0) {
        return {};
    }
    std::string text = format("{}: duplicate entry: \"{}\"", name, key);
    if ((flags & table_flag::kWarnDuplicate) != 0) {
        log_warning("{}", text);
        return {};
    }
    return fail(Errc::kDenied, std::move(text));
}

Result<void> TableDraft::add(std::string_view key, std::string_view value, TableFlags flags,
                             std::string_view name) {
    if (key.size() + value.size() >= std::numeric_limits<std::uint32_t>::max() ||
        entries_.size() >= kMostEntries) {
        return fail(Errc::kTooLarge, format("{}: too large", name));
    }
    if (entries_.size() * 2 >= slots_.size()) {
        grow();
    }
    std::size_t nul = (flags & table_flag::kTryWithNul) != 0 ? 1 : 0;
    key_.assign(key);
    std::string_view stored(key_.c_str(), key.size() + nul);
    std::uint32_t tag = tag_of(stored);
    std::uint64_t& slot = slot_of(stored, tag);
    if (slot == 0) {
        entries_.push_back(store(stored, value, nul));
        slot = (std::uint64_t{tag} << 32) | entries_.size();
        total_size_ += entries_.back().key_size + entries_.back().value_size;
        return {};
    }
    if ((flags & table_flag::kReplace) == 0) {
        return report_duplicate(key, flags, name);
    }
    Entry& old = entries_[static_cast<std::uint32_t>(slot) - 1];
    total_size_ -= old.value_size;
    old = store(stored, value, nul);
    total_size_ += old.value_size;
    return {};
}

// How many bytes all keys begin with.
std::size_t TableDraft::common_prefix() const {
    if (entries_.empty()) {
        return 0;
    }
    std::string_view common = entries_.front().key();
    for (const Entry& entry : entries_) {
        std::string_view key = entry.key();
        if (!key.starts_with(common)) {
            auto differ = std::ranges::mismatch(key, common);
            common = common.substr(0, static_cast<std::size_t>(differ.in2 - common.begin()));
        }
    }
    return common.size();
}

void TableDraft::sort_by_key() {
    if (!std::ranges::is_sorted(entries_, {}, &Entry::key)) {
        sort_by([](const Entry& /*entry*/) { return 0U; });
    }
}

void TableDraft::sort_by(const std::function<std::uint32_t(const Entry&)>& number) {
    slots_ = {};
    std::size_t skip = common_prefix();
    std::vector<Item> items;
    items.reserve(entries_.size());
    for (std::uint32_t i = 0; const Entry& entry : entries_) {
        std::string_view rest = entry.key().substr(skip);
        items.push_back({number(entry), i++, first_bytes(rest),
                         first_bytes(rest.substr(std::min(rest.size(), kRankBytes)))});
    }
    std::ranges::sort(items, [&](const Item& a, const Item& b) {
        if (a.number != b.number) {
            return a.number < b.number;
        }
        if (a.rank != b.rank) {
            return a.rank < b.rank;
        }
        return a.next_rank != b.next_rank ? a.next_rank < b.next_rank
                                          : entries_[a.entry].key() < entries_[b.entry].key();
    });
    std::vector<Entry> sorted;
    sorted.reserve(entries_.size());
    for (const Item& item : items) {
        sorted.push_back(entries_[item.entry]);
    }
    entries_ = std::move(sorted);
}

TableDraft::Entry TableDraft::store(std::string_view key, std::string_view value, std::size_t nul) {
    std::size_t size = key.size() + value.size() + nul;
    if (size > block_left_) {
        std::size_t block = std::max(size, kBlockSize);
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
        block_left_ = block;
        block_end_ = blocks_.back().get() + block;
    }
    char* place = block_end_ - block_left_;
    block_left_ -= size;
    std::memcpy(place, key.data(), key.size());
    std::memcpy(place + key.size(), value.data(), value.size());
    if (nul != 0) {
        place[size - 1] = '\0';
    }
    return {place, static_cast<std::uint32_t>(key.size()),
            static_cast<std::uint32_t>(value.size() + nul)};
}

std::uint64_t& TableDraft::slot_of(std::string_view key, std::uint32_t tag) {
    std::size_t mask = slots_.size() - 1;
    for (std::size_t i = tag & mask;; i = (i + 1) & mask) {
        std::uint64_t& slot = slots_[i];
        if (slot == 0 ||
            ((slot >> 32) == tag && entries_[static_cast<std::uint32_t>(slot) - 1].key() == key)) {
            return slot;
        }
    }
}

void TableDraft::grow() {
    std::vector<std::uint64_t> larger(std::max(kFirstSlots, slots_.size() * 2));
    std::size_t mask = larger.size() - 1;
    for (std::uint64_t slot : slots_) {
        if (slot != 0) {
            std::size_t i = (slot >> 32) & mask;
            while (larger[i] != 0) {
                i = (i + 1) & mask;
            }
            larger[i] = slot;
        }
    }
    slots_ = std::move(larger);
}

}  // namespace relais
