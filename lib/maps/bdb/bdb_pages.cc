#include "lib/maps/bdb/bdb_pages.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace relais::bdb {

namespace {

constexpr std::size_t kSmallestPage = 512;
constexpr std::size_t kLargestPage = 65536;
constexpr std::size_t kInnerCache = std::size_t{4} << 20;  // taken as it fills

// Places in the first page.
constexpr std::size_t kMagic = 12;
constexpr std::size_t kVersion = 16;
constexpr std::size_t kPageSize = 20;
constexpr std::size_t kEncryption = 24;
constexpr std::size_t kMetaFlags = 26;

Result<std::size_t> read_at(int fd, char* place, std::size_t size, std::size_t offset) {
    std::size_t done = 0;
    while (done < size) {
        ssize_t got = ::pread(fd, place + done, size - done, static_cast<off_t>(offset + done));
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return fail_errno("read");
        }
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return done;
}

bool is_known(std::uint32_t magic) {
    return magic == Pages::kHashMagic || magic == Pages::kBtreeMagic;
}

}  // namespace

std::unexpected<Error> corrupt(std::string_view what) {
    return fail(Errc::kCorrupt, std::string(what));
}

std::unexpected<Error> unsupported(std::string_view what) {
    return fail(Errc::kDenied, std::string(what));
}

PageCache::PageCache(std::size_t slots, std::size_t page_size)
    : page_size_(page_size),
      numbers_(slots),
      bytes_(std::make_unique_for_overwrite<char[]>(slots * page_size)) {
}

const char* PageCache::find(PageNumber number) const {
    bool here = !numbers_.empty() && numbers_[slot(number)] == number;
    return here ? bytes_.get() + slot(number) * page_size_ : nullptr;
}

char* PageCache::place(PageNumber number) {
    numbers_[slot(number)] = 0;
    return bytes_.get() + slot(number) * page_size_;
}

std::uint16_t Page::u16(std::size_t at) const {
    std::string_view there = slice(at, sizeof(std::uint16_t));
    std::uint16_t value = 0;
    if (!there.empty()) {
        std::memcpy(&value, there.data(), sizeof value);
    }
    return order_ == ByteOrder::kNative ? value : std::byteswap(value);
}

std::uint32_t Page::u32(std::size_t at) const {
    std::string_view there = slice(at, sizeof(std::uint32_t));
    std::uint32_t value = 0;
    if (!there.empty()) {
        std::memcpy(&value, there.data(), sizeof value);
    }
    return order_ == ByteOrder::kNative ? value : std::byteswap(value);
}

std::size_t Page::items() const {
    std::size_t count = u16(20);
    return kHeader + 2 * count <= bytes_.size() ? count : 0;
}

Result<Pages> Pages::open(int fd, std::size_t cache_size) {
    Pages out;
    out.fd_ = fd;
    struct stat it = {};
    if (::fstat(fd, &it) != 0) {
        return fail_errno("fstat");
    }
    auto got = read_at(fd, out.meta_.data(), out.meta_.size(), 0);
    if (!got) {
        return fail_with(got);
    }
    if (*got < out.meta_.size()) {
        return corrupt("no first page");
    }
    std::uint32_t magic = out.meta().u32(kMagic);
    if (!is_known(magic)) {
        out.order_ = ByteOrder::kSwapped;
        magic = out.meta().u32(kMagic);
    }
    if (!is_known(magic)) {
        return corrupt("no hash or btree database");
    }
    std::uint32_t version = out.meta().u32(kVersion);
    bool known =
        magic == kHashMagic ? version >= 5 && version <= 10 : version >= 8 && version <= 10;
    if (!known) {
        return unsupported("unknown format version");
    }
    if (out.meta().u8(kEncryption) != 0 || out.meta().u8(kMetaFlags) != 0) {
        return unsupported("encryption, checksums or partitions");
    }
    out.page_size_ = out.meta().u32(kPageSize);
    if (out.page_size_ < kSmallestPage || out.page_size_ > kLargestPage ||
        !std::has_single_bit(out.page_size_)) {
        return corrupt("bad page size");
    }
    auto pages = static_cast<std::uint64_t>(it.st_size) / out.page_size_;
    out.count_ = static_cast<PageNumber>(std::min<std::uint64_t>(pages, UINT32_MAX));
    std::size_t all = std::bit_ceil(std::size_t{out.count_} + 1);
    auto slots = [&](std::size_t bytes) {
        return std::min(all, std::bit_floor(std::max<std::size_t>(bytes / out.page_size_, 4)));
    };
    out.pages_ = PageCache(slots(cache_size), out.page_size_);
    if (magic == kBtreeMagic) {
        out.inner_ = PageCache(slots(kInnerCache), out.page_size_);
    }
    return out;
}

Result<Page> Pages::read(PageNumber number) {
    if (number == 0 || number >= count_) {
        return corrupt("page number beyond the end");
    }
    const char* there = inner_.find(number);
    there = there == nullptr ? pages_.find(number) : there;
    if (there != nullptr) {
        return Page({there, page_size_}, order_);
    }
    char* place = pages_.place(number);
    auto got = read_at(fd_, place, page_size_, std::size_t{number} * page_size_);
    if (!got) {
        return fail_with(got);
    }
    if (*got < page_size_) {
        return corrupt("the file ends early");
    }
    pages_.keep(number);
    Page page({place, page_size_}, order_);
    if (page.type() == PageType::kBtreeInternal && !inner_.empty()) {
        std::memcpy(inner_.place(number), place, page_size_);
        inner_.keep(number);
    }
    return page;
}

Result<void> Pages::read_overflow(PageNumber first, std::size_t size, std::string& content) {
    content.clear();
    if (size / page_size_ >= count_) {
        return corrupt("item larger than the file");
    }
    for (PageNumber number = first; content.size() < size;) {
        auto page = read(number);
        if (!page) {
            return fail_with(page);
        }
        std::string_view part = page->slice(Page::kHeader, page->overflow_size());
        if (page->type() != PageType::kOverflow || part.empty()) {
            return corrupt("bad overflow page");
        }
        content += part;
        number = page->next();
    }
    if (content.size() != size) {
        return corrupt("overflow pages of the wrong length");
    }
    return {};
}

}  // namespace relais::bdb
