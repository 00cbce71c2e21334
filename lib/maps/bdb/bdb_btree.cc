#include "lib/maps/bdb/bdb_btree.h"

#include <optional>

namespace relais::bdb {

namespace {

// Places in the first page.
constexpr std::size_t kFlags = 48;
constexpr std::size_t kRoot = 88;

// Record numbers, several databases in a file, compression.
constexpr std::uint32_t kUnsupportedFlags = 0x02 | 0x04 | 0x08 | 0x10 | 0x20 | 0x80;

// Items: a length, a kind, and on internal pages the page below before the content.
constexpr std::size_t kItemKind = 2;
constexpr std::size_t kLeafContent = 3;
constexpr std::size_t kChild = 4;
constexpr std::size_t kInternalContent = 12;
constexpr std::uint8_t kPlain = 1;
constexpr std::uint8_t kOverflow = 3;
constexpr std::uint8_t kDeleted = 0x80;
// Content in pages of its own: where and how long, counted from the item's beginning on a leaf,
// from its content on an internal page.
constexpr std::size_t kOverflowPage = 4;
constexpr std::size_t kOverflowSize = 8;

// An item that stands whole in its page.
std::optional<std::string_view> plain_item(const Page& page, std::size_t index) {
    std::size_t at = page.item(index);
    if ((page.u8(at + kItemKind) & ~kDeleted) != kPlain) {
        return std::nullopt;
    }
    bool leaf = page.type() == PageType::kBtreeLeaf;
    std::size_t size = page.u16(at);
    std::string_view there = page.slice(at + (leaf ? kLeafContent : kInternalContent), size);
    return there.size() == size ? std::optional(there) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<BdbFile>> BtreeFile::open(Pages pages) {
    std::unique_ptr<BtreeFile> out(new BtreeFile(std::move(pages)));
    Page meta = out->pages_.meta();
    if (meta.type() != PageType::kBtreeMeta) {
        return corrupt("no btree database");
    }
    if ((meta.u32(kFlags) & kUnsupportedFlags) != 0) {
        return unsupported("record numbers, compression, or several databases in a file");
    }
    out->root_ = meta.u32(kRoot);
    return out;
}

Result<Page> BtreeFile::read_leaf(PageNumber number) {
    auto page = pages_.read(number);
    if (page && page->type() != PageType::kBtreeLeaf) {
        return corrupt("no btree leaf");
    }
    return page;
}

Result<PageNumber> BtreeFile::find_leaf(const std::string_view* key) {
    PageNumber number = root_;
    unsigned level = 256;
    for (;;) {
        auto page = pages_.read(number);
        if (!page) {
            return fail_with(page);
        }
        if (page->type() == PageType::kBtreeLeaf) {
            return number;
        }
        if (page->type() != PageType::kBtreeInternal || page->level() >= level ||
            page->items() == 0) {
            return corrupt("bad btree page");
        }
        level = page->level();
        std::size_t index = 0;
        if (key != nullptr) {
            // The first key counts as smaller than all.
            auto count = count_not_greater(number, 1, page->items(), 1, *key);
            if (!count) {
                return fail_with(count);
            }
            index = *count - 1;
            page = pages_.read(number);
            if (!page) {
                return fail_with(page);
            }
        }
        number = page->u32(page->item(index) + kChild);
    }
}

Result<std::size_t> BtreeFile::count_not_greater(PageNumber number, std::size_t from,
                                                 std::size_t count, std::size_t stride,
                                                 std::string_view key) {
    std::size_t low = from;
    std::size_t high = count;
    auto page = pages_.read(number);
    while (page && low < high) {
        std::size_t middle = (low + high) / 2;
        int order = 0;
        if (auto there = plain_item(*page, middle * stride)) {
            order = key.compare(*there);
        } else {
            auto slow = compare(number, middle * stride, key);
            if (!slow) {
                return fail_with(slow);
            }
            order = *slow;
            page = pages_.read(number);  // the item's own pages may have taken its place
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (!page) {
        return fail_with(page);
    }
    return low;
}

Result<int> BtreeFile::compare(PageNumber number, std::size_t index, std::string_view key) {
    auto page = pages_.read(number);
    if (!page) {
        return fail_with(page);
    }
    if (auto there = plain_item(*page, index)) {
        return key.compare(*there);
    }
    auto copied = content(number, index, key_);
    if (!copied) {
        return fail_with(copied);
    }
    return key.compare(key_);
}

Result<void> BtreeFile::content(PageNumber number, std::size_t index, std::string& out) {
    auto page = pages_.read(number);
    if (!page) {
        return fail_with(page);
    }
    bool leaf = page->type() == PageType::kBtreeLeaf;
    std::size_t at = page->item(index);
    int kind = page->u8(at + kItemKind) & ~kDeleted;
    if (kind == kPlain) {
        auto there = plain_item(*page, index);
        if (!there) {
            return corrupt("bad item");
        }
        out.assign(*there);
        return {};
    }
    if (kind != kOverflow) {
        return kind == 2 ? unsupported("duplicates") : corrupt("bad item");
    }
    at += leaf ? 0 : kInternalContent;
    return pages_.read_overflow(page->u32(at + kOverflowPage), page->u32(at + kOverflowSize), out);
}

Result<bool> BtreeFile::is_deleted(PageNumber number, std::size_t index) {
    auto page = read_leaf(number);
    if (!page) {
        return fail_with(page);
    }
    return ((page->u8(page->item(index) + kItemKind) |
             page->u8(page->item(index + 1) + kItemKind)) &
            kDeleted) != 0;
}

Result<bool> BtreeFile::find(std::string_view key, std::string& value) {
    auto leaf = find_leaf(&key);
    if (!leaf) {
        return fail_with(leaf);
    }
    auto page = read_leaf(*leaf);
    if (!page) {
        return fail_with(page);
    }
    auto count = count_not_greater(*leaf, 0, page->items() / 2, 2, key);
    if (!count) {
        return fail_with(count);
    }
    // Of a key that is there more than once, deleted or not, the first that counts.
    std::size_t found = *count;
    for (std::size_t i = *count; i > 0; --i) {
        auto order = compare(*leaf, (i - 1) * 2, key);
        if (!order) {
            return fail_with(order);
        }
        if (*order != 0) {
            break;
        }
        auto deleted = is_deleted(*leaf, (i - 1) * 2);
        if (!deleted) {
            return deleted;
        }
        if (!*deleted) {
            found = i - 1;
        }
    }
    if (found == *count) {
        return false;
    }
    auto copied = content(*leaf, found * 2 + 1, value);
    if (!copied) {
        return fail_with(copied);
    }
    return true;
}

void BtreeFile::rewind() {
    page_ = 0;
    ended_ = false;
    index_ = 0;
    steps_ = 0;
}

Result<bool> BtreeFile::next(std::string& key, std::string& value) {
    if (page_ == 0 && !ended_) {
        auto first = find_leaf(nullptr);
        if (!first) {
            return fail_with(first);
        }
        page_ = *first;
    }
    while (page_ != 0) {
        auto page = read_leaf(page_);
        if (!page) {
            return fail_with(page);
        }
        if (index_ + 1 >= page->items()) {
            if (++steps_ > pages_.count()) {
                return corrupt("pages in a circle");
            }
            index_ = 0;
            page_ = page->next();
            continue;
        }
        std::size_t index = index_;
        index_ += 2;
        auto deleted = is_deleted(page_, index);
        if (!deleted) {
            return deleted;
        }
        if (*deleted) {
            continue;
        }
        auto copied = content(page_, index, key);
        if (copied) {
            copied = content(page_, index + 1, value);
        }
        if (!copied) {
            return fail_with(copied);
        }
        return true;
    }
    ended_ = true;
    return false;
}

}  // namespace relais::bdb
