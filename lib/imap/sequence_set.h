// Sets of message numbers or UIDs: "1,5:9,20:*" (RFC 3501 9, sequence-set).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

class SequenceSet {
  public:
    struct Range {
        std::uint32_t first;
        std::uint32_t last;

        friend bool operator==(const Range&, const Range&) = default;
    };

    // Nothing for a syntax error or more than 100,000 ranges.
    static std::optional<SequenceSet> parse(std::string_view text);

    SequenceSet() = default;

    // Resolved, of ranges in any order.
    [[nodiscard]] static SequenceSet of(std::vector<Range> ranges);

    // "*" replaced by the largest number in use, ranges put in order and merged.
    [[nodiscard]] SequenceSet resolve(std::uint32_t largest) const;

    // These hold for resolved sets.
    bool contains(std::uint32_t number) const;
    std::string to_string() const;
    // Numbers must come in ascending order.
    void add(std::uint32_t number);
    // Ranges of them likewise; they may touch.
    void add(Range range);

    // How many numbers are in it.
    std::uint64_t count() const;

    // What is in both.
    [[nodiscard]] SequenceSet intersection(const SequenceSet& other) const;

    // What is not among `numbers`, which ascend.
    [[nodiscard]] SequenceSet without(std::span<const std::uint32_t> numbers) const;

    const std::vector<Range>& ranges() const { return ranges_; }

    bool empty() const { return ranges_.empty(); }

  private:
    std::vector<Range> ranges_;  // 0 stands for "*" until resolved
};

}  // namespace relais::imap
