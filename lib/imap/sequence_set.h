// Sets of message numbers or UIDs: "1,5:9,20:*" (RFC 3501 9, sequence-set).
#pragma once

#include <cstdint>
#include <optional>
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

    // "*" replaced by the largest number in use, ranges put in order and merged.
    [[nodiscard]] SequenceSet resolve(std::uint32_t largest) const;

    // These hold for resolved sets.
    bool contains(std::uint32_t number) const;
    std::string to_string() const;
    // Numbers must come in ascending order.
    void add(std::uint32_t number);

    const std::vector<Range>& ranges() const { return ranges_; }

    bool empty() const { return ranges_.empty(); }

  private:
    std::vector<Range> ranges_;  // 0 stands for "*" until resolved
};

}  // namespace relais::imap
