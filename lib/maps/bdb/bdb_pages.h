// The pages of a Berkeley DB file, read without the library.  Whatever stands in the file, nothing
// outside it is touched: every offset, length, page number and chain is checked.
// Files of Berkeley DB 3.1 to 6.x, of either byte order, without checksums and encryption.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

namespace bdb {

using PageNumber = std::uint32_t;

enum class PageType : std::uint8_t {
    kNeverWritten = 0,
    kHashUnsorted = 2,
    kBtreeInternal = 3,
    kBtreeLeaf = 5,
    kOverflow = 7,
    kHashMeta = 8,
    kBtreeMeta = 9,
    kHash = 13,
};

enum class ByteOrder { kNative, kSwapped };

// Bytes at a place in a page.  What lies beyond the page's end reads as 0, or as nothing.
class Page {
  public:
    Page(std::string_view bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

    std::uint8_t u8(std::size_t at) const {
        return at < bytes_.size() ? static_cast<std::uint8_t>(bytes_[at]) : std::uint8_t{0};
    }

    std::uint16_t u16(std::size_t at) const;
    std::uint32_t u32(std::size_t at) const;

    // The `size` bytes there, or nothing where the page does not hold them.
    std::string_view slice(std::size_t at, std::size_t size) const {
        return at <= bytes_.size() && size <= bytes_.size() - at ? bytes_.substr(at, size)
                                                                 : std::string_view();
    }

    std::size_t size() const { return bytes_.size(); }

    PageNumber next() const { return u32(16); }

    PageType type() const { return PageType{u8(25)}; }

    std::uint8_t level() const { return u8(24); }

    // The number of items, or 0 where their table does not fit into the page.
    std::size_t items() const;

    // Where an item begins.
    std::size_t item(std::size_t index) const { return u16(kHeader + 2 * index); }

    // Of an overflow page: the length of its part.
    std::size_t overflow_size() const { return u16(22); }

    static constexpr std::size_t kHeader = 26;

  private:
    std::string_view bytes_;
    ByteOrder order_;
};

// Copies of pages, each in the one place that its number gives.
class PageCache {
  public:
    PageCache() = default;
    // `slots` is a power of two.
    PageCache(std::size_t slots, std::size_t page_size);

    bool empty() const { return numbers_.empty(); }

    // The page's copy, or null.
    const char* find(PageNumber number) const;

    // Where the page's copy belongs, whose old content is forgotten; keep() says that it is there.
    char* place(PageNumber number);

    void keep(PageNumber number) { numbers_[slot(number)] = number; }

  private:
    std::size_t slot(PageNumber number) const { return number & (numbers_.size() - 1); }

    std::size_t page_size_ = 0;
    std::vector<PageNumber> numbers_;  // by slot; 0 for none, as page 0 is never cached
    std::unique_ptr<char[]> bytes_;
};

class Pages {
  public:
    // Reads the file's first page.  `fd` stays the caller's.  The cache holds `cache_size` bytes.
    [[nodiscard]] static Result<Pages> open(int fd, std::size_t cache_size);

    // Valid until the next call.
    [[nodiscard]] Result<Page> read(PageNumber number);

    // Item content that has pages of its own.
    [[nodiscard]] Result<void> read_overflow(PageNumber first, std::size_t size,
                                             std::string& content);

    PageNumber count() const { return count_; }

    // The first 512 bytes.
    Page meta() const { return {{meta_.data(), meta_.size()}, order_}; }

    static constexpr std::uint32_t kHashMagic = 0x061561;
    static constexpr std::uint32_t kBtreeMagic = 0x053162;

  private:
    int fd_ = -1;
    ByteOrder order_ = ByteOrder::kNative;
    std::size_t page_size_ = 0;
    PageNumber count_ = 0;
    std::array<char, 512> meta_ = {};
    PageCache pages_;
    PageCache inner_;  // those above the leaves of a btree: every search needs some of them
};

// The file contradicts itself.
[[nodiscard]] std::unexpected<Error> corrupt(std::string_view what);
// The file has what only the library reads.
[[nodiscard]] std::unexpected<Error> unsupported(std::string_view what);

}  // namespace bdb

}  // namespace relais
