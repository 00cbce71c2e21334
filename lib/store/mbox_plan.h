// The file of a plan (mbox_rewrite.h): a header, a checksum of each page of the old text from
// `start` on, and the new text.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/store/mbox_rewrite.h"

namespace relais {

struct MboxPlanHeader {
    enum Stage : std::uint32_t { kMade, kRunning, kCopied };

    std::array<char, 8> magic{};
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t start = 0;     // the first byte that changes
    std::uint64_t old_size = 0;  // of the file
    std::uint64_t new_size = 0;
    std::uint64_t rest_sum = 0;  // of the old text behind the new end
    std::uint64_t checksum = 0;  // of all of the above
    std::uint32_t stage = kMade;
    std::uint32_t unused = 0;
};

class MboxPlan {
  public:
    static constexpr std::uint64_t kPage = 4096;

    // Written and synced, under `path`.
    [[nodiscard]] static Result<MboxPlan> make(int mbox, const std::string& path,
                                               std::span<const MboxEdit> edits);

    // kNotFound: there is none; kCorrupt: none that can be used.
    [[nodiscard]] static Result<MboxPlan> open(const std::string& path);

    const MboxPlanHeader& header() const { return header_; }

    [[nodiscard]] Result<void> set_stage(MboxPlanHeader::Stage stage);

    // The new text goes into the file.
    [[nodiscard]] Result<void> copy_into(int mbox) const;

    // Each page of the file is an old or a new one.
    [[nodiscard]] Result<bool> fits(int mbox) const;

    // Behind the new end, the file still has the old text: it was not cut yet.
    [[nodiscard]] Result<bool> has_old_rest(int mbox) const;

  private:
    [[nodiscard]] Result<void> write_new_text(int mbox, std::span<const MboxEdit> edits);
    [[nodiscard]] Result<void> write_old_sums(int mbox);
    [[nodiscard]] Result<std::uint64_t> rest_sum_of(int mbox) const;
    [[nodiscard]] Result<bool> page_fits(int mbox, std::uint64_t from, std::uint64_t to) const;
    std::uint64_t text_at() const;
    std::uint64_t sum_at(std::uint64_t offset) const;

    MboxPlanHeader header_;
    UniqueFd file_;
};

}  // namespace relais
