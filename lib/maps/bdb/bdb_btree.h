// Btree files of Berkeley DB.  Private to the .db reader.
#pragma once

#include "lib/maps/bdb/bdb_file.h"
#include "lib/maps/bdb/bdb_pages.h"

namespace relais::bdb {

class BtreeFile : public BdbFile {
  public:
    [[nodiscard]] static Result<std::unique_ptr<BdbFile>> open(Pages pages);

    Result<bool> find(std::string_view key, std::string& value) override;
    void rewind() override;
    Result<bool> next(std::string& key, std::string& value) override;

  private:
    explicit BtreeFile(Pages pages) : pages_(std::move(pages)) {}

    // The leaf where `key` belongs; the first leaf without one.
    Result<PageNumber> find_leaf(const std::string_view* key);
    // The number of items whose key is not greater than `key`, of `count`, the first not looked at.
    Result<std::size_t> count_not_greater(PageNumber number, std::size_t from, std::size_t count,
                                          std::size_t stride, std::string_view key);
    Result<int> compare(PageNumber number, std::size_t index, std::string_view key);
    Result<void> content(PageNumber number, std::size_t index, std::string& out);
    Result<bool> is_deleted(PageNumber number, std::size_t index);
    Result<Page> read_leaf(PageNumber number);

    Pages pages_;
    PageNumber root_ = 0;

    // Where the walk stands.
    PageNumber page_ = 0;  // 0: at its beginning, or its end
    bool ended_ = false;
    std::size_t index_ = 0;
    std::size_t steps_ = 0;  // leaves visited, so that a circle ends
    std::string key_;        // of an item that has pages of its own
};

}  // namespace relais::bdb
