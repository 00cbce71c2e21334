#include "lib/maps/bdb/bdb_hash.h"

#include <algorithm>
#include <bit>

namespace relais::bdb {

namespace {

// Places in the first page.
constexpr std::size_t kFlags = 48;
constexpr std::size_t kMaxBucket = 72;
constexpr std::size_t kHighMask = 76;
constexpr std::size_t kLowMask = 80;
constexpr std::size_t kCharKey = 92;
constexpr std::size_t kSpares = 96;

constexpr std::uint32_t kSubDatabases = 0x02;

// Kinds of items: their first byte.
constexpr std::uint8_t kPlain = 1;
constexpr std::uint8_t kOffPage = 3;
constexpr std::size_t kOffPageNumber = 4;
constexpr std::size_t kOffPageSize = 8;

// Items lie from the end of the page to its front: one ends where the one before begins.
std::string_view item_of(const Page& page, std::size_t index) {
    std::size_t begin = page.item(index);
    std::size_t end = index == 0 ? page.size() : page.item(index - 1);
    return begin < end ? page.slice(begin, end - begin) : std::string_view();
}

// The order within a page: by bytes, a longer key before a shorter one that begins it.
int compare(std::string_view key, std::string_view there) {
    std::size_t common = std::min(key.size(), there.size());
    int order = key.substr(0, common).compare(there.substr(0, common));
    return order != 0 ? order : there.compare(key);
}

}  // namespace

std::uint32_t hash_of(std::string_view key) {
    std::uint32_t hash = 0;
    for (char c : key) {
        hash = (hash * 16777619U) ^ static_cast<std::uint8_t>(c);
    }
    return hash;
}

Result<std::unique_ptr<BdbFile>> HashFile::open(Pages pages) {
    std::unique_ptr<HashFile> out(new HashFile(std::move(pages)));
    Page meta = out->pages_.meta();
    if (meta.type() != PageType::kHashMeta) {
        return corrupt("no hash database");
    }
    if ((meta.u32(kFlags) & kSubDatabases) != 0) {
        return unsupported("several databases in a file");
    }
    // What the file's own hash function makes of a text that the format prescribes.
    if (meta.u32(kCharKey) != hash_of(std::string_view("%$sniglet^&\0", 12))) {
        return unsupported("another hash function");
    }
    out->max_bucket_ = meta.u32(kMaxBucket);
    out->high_mask_ = meta.u32(kHighMask);
    out->low_mask_ = meta.u32(kLowMask);
    if (out->max_bucket_ >= out->pages_.count()) {
        return corrupt("more buckets than pages");
    }
    for (std::size_t i = 0; i < out->spares_.size(); ++i) {
        out->spares_[i] = meta.u32(kSpares + 4 * i);
    }
    return out;
}

// Buckets are laid out in groups that double in size; a group begins wherever the file ended.
PageNumber HashFile::page_of_bucket(std::uint32_t bucket) const {
    auto group = static_cast<std::size_t>(std::bit_width(bucket));
    return bucket + spares_[std::min(group, spares_.size() - 1)];
}

Result<Page> HashFile::read_bucket_page(PageNumber number) {
    auto page = pages_.read(number);
    if (page && page->type() == PageType::kNeverWritten) {
        return Page({}, ByteOrder::kNative);  // an empty bucket
    }
    if (page && page->type() != PageType::kHash && page->type() != PageType::kHashUnsorted) {
        return corrupt("no hash page");
    }
    return page;
}

Result<bool> HashFile::is_key(PageNumber number, std::size_t index, std::string_view key) {
    auto copied = content(number, index, key_);
    if (!copied) {
        return fail_with(copied);
    }
    return key_ == key;
}

Result<void> HashFile::content(PageNumber number, std::size_t index, std::string& out) {
    auto page = read_bucket_page(number);
    if (!page) {
        return fail_with(page);
    }
    std::string_view item = item_of(*page, index);
    if (item.empty()) {
        return corrupt("bad item");
    }
    if (item[0] == kPlain) {
        out.assign(item.substr(1));
        return {};
    }
    if (item[0] != kOffPage) {
        return unsupported("duplicates");
    }
    if (item.size() < kOffPageSize + 4) {
        return corrupt("bad item");
    }
    std::size_t at = page->item(index);
    return pages_.read_overflow(page->u32(at + kOffPageNumber), page->u32(at + kOffPageSize), out);
}

// Pages written since version 4.6 are sorted.
HashFile::Place HashFile::search(const Page& page, std::string_view key) {
    if (page.type() != PageType::kHash) {
        return {};
    }
    std::size_t low = 0;
    std::size_t high = page.items() / 2;
    while (low < high) {
        std::size_t middle = (low + high) / 2;
        std::string_view item = item_of(page, middle * 2);
        if (item.empty() || item[0] != kPlain) {
            return {};
        }
        int order = compare(key, item.substr(1));
        if (order == 0) {
            return {Place::kFound, middle * 2};
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return {Place::kMissing, 0};
}

Result<bool> HashFile::find_in_page(PageNumber number, std::string_view key, std::string& value) {
    auto page = read_bucket_page(number);
    if (!page) {
        return fail_with(page);
    }
    std::size_t items = page->items();
    Place place = search(*page, key);
    for (std::size_t i = 0; place.state == Place::kUnknown && i + 1 < items; i += 2) {
        auto same = is_key(number, i, key);
        if (!same) {
            return same;
        }
        if (*same) {
            place = {Place::kFound, i};
        }
    }
    if (place.state != Place::kFound) {
        return false;
    }
    auto copied = content(number, place.index + 1, value);
    if (!copied) {
        return fail_with(copied);
    }
    return true;
}

Result<bool> HashFile::find(std::string_view key, std::string& value) {
    std::uint32_t bucket = hash_of(key) & high_mask_;
    if (bucket > max_bucket_) {
        bucket &= low_mask_;
    }
    PageNumber number = page_of_bucket(bucket);
    for (PageNumber steps = 0; number != 0; ++steps) {
        if (steps > pages_.count()) {
            return corrupt("pages in a circle");
        }
        auto found = find_in_page(number, key, value);
        if (!found || *found) {
            return found;
        }
        auto page = read_bucket_page(number);
        if (!page) {
            return fail_with(page);
        }
        number = page->next();
    }
    return false;
}

void HashFile::rewind() {
    bucket_ = 0;
    page_ = 0;
    index_ = 0;
    steps_ = 0;
}

Result<bool> HashFile::next(std::string& key, std::string& value) {
    while (bucket_ <= max_bucket_) {
        PageNumber number = page_ == 0 ? page_of_bucket(bucket_) : page_;
        auto page = read_bucket_page(number);
        if (!page) {
            return fail_with(page);
        }
        page_ = number;
        if (index_ + 1 < page->items()) {
            auto copied = content(number, index_, key);
            if (copied) {
                copied = content(number, index_ + 1, value);
            }
            if (!copied) {
                return fail_with(copied);
            }
            index_ += 2;
            return true;
        }
        if (++steps_ > pages_.count()) {
            return corrupt("pages in a circle");
        }
        index_ = 0;
        page_ = page->next();
        if (page_ == 0) {
            ++bucket_;
        }
    }
    return false;
}

}  // namespace relais::bdb
