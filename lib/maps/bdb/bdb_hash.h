// Hash files of Berkeley DB.  Private to the .db reader.
#pragma once

#include <array>

#include "lib/maps/bdb/bdb_file.h"
#include "lib/maps/bdb/bdb_pages.h"

namespace relais::bdb {

// The hash function of all versions since 3.0.
[[nodiscard]] std::uint32_t hash_of(std::string_view key);

class HashFile : public BdbFile {
  public:
    [[nodiscard]] static Result<std::unique_ptr<BdbFile>> open(Pages pages);

    Result<bool> find(std::string_view key, std::string& value) override;
    void rewind() override;
    Result<bool> next(std::string& key, std::string& value) override;

  private:
    struct Place {
        // Unknown where the page is not sorted, or holds items that lie elsewhere.
        enum State { kUnknown, kMissing, kFound } state = kUnknown;

        std::size_t index = 0;
    };

    static Place search(const Page& page, std::string_view key);

    explicit HashFile(Pages pages) : pages_(std::move(pages)) {}

    PageNumber page_of_bucket(std::uint32_t bucket) const;
    Result<bool> find_in_page(PageNumber number, std::string_view key, std::string& value);
    Result<Page> read_bucket_page(PageNumber number);
    Result<bool> is_key(PageNumber number, std::size_t index, std::string_view key);
    Result<void> content(PageNumber number, std::size_t index, std::string& out);

    Pages pages_;
    std::uint32_t max_bucket_ = 0;
    std::uint32_t high_mask_ = 0;
    std::uint32_t low_mask_ = 0;
    std::array<PageNumber, 32> spares_ = {};

    // Where the walk stands.
    std::uint32_t bucket_ = 0;
    PageNumber page_ = 0;  // 0: before the bucket's first
    std::size_t index_ = 0;
    std::size_t steps_ = 0;  // pages visited, so that a circle ends
    std::string key_;        // of an item that has pages of its own
};

}  // namespace relais::bdb
