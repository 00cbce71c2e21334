#include "lib/imap/sequence_set.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxRanges = 100000;

// A number, or 0 for "*".
std::optional<std::uint32_t> parse_number(std::string_view text) {
    if (text == "*") {
        return 0;
    }
    auto value = parse_uint(text);
    if (!value || *value == 0 || *value > 0xffffffff || text.size() > 10) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*value);
}

}  // namespace

std::optional<SequenceSet> SequenceSet::parse(std::string_view text) {
    SequenceSet set;
    for (std::size_t at = 0;;) {
        auto end = std::min(text.find(',', at), text.size());
        std::string_view item = text.substr(at, end - at);
        auto parts = split_first(item, ':');
        auto first = parse_number(parts ? parts->first : item);
        auto last = parts ? parse_number(parts->second) : first;
        if (!first || !last || set.ranges_.size() >= kMaxRanges) {
            return std::nullopt;
        }
        set.ranges_.push_back({*first, *last});
        if (end == text.size()) {
            return set;
        }
        at = end + 1;
        if (at == text.size()) {
            return set;  // "1,2,": a comma too many
        }
    }
}

SequenceSet SequenceSet::of(std::vector<Range> ranges) {
    SequenceSet set;
    set.ranges_ = std::move(ranges);
    return set.resolve(1);
}

SequenceSet SequenceSet::resolve(std::uint32_t largest) const {
    std::vector<Range> ranges;
    ranges.reserve(ranges_.size());
    for (Range range : ranges_) {
        range.first = range.first == 0 ? largest : range.first;
        range.last = range.last == 0 ? largest : range.last;
        if (range.first > range.last) {
            std::swap(range.first, range.last);
        }
        ranges.push_back(range);
    }
    std::ranges::sort(ranges, {}, &Range::first);
    SequenceSet merged;
    for (const Range& range : ranges) {
        if (!merged.ranges_.empty() && (merged.ranges_.back().last == 0xffffffff ||
                                        range.first <= merged.ranges_.back().last + 1)) {
            merged.ranges_.back().last = std::max(merged.ranges_.back().last, range.last);
        } else {
            merged.ranges_.push_back(range);
        }
    }
    return merged;
}

bool SequenceSet::contains(std::uint32_t number) const {
    auto after = std::ranges::upper_bound(ranges_, number, {}, &Range::first);
    return after != ranges_.begin() && number <= std::prev(after)->last;
}

void SequenceSet::add(std::uint32_t number) {
    if (!ranges_.empty() && ranges_.back().last + 1 == number) {
        ranges_.back().last = number;
    } else if (ranges_.empty() || number > ranges_.back().last) {
        ranges_.push_back({number, number});
    }
}

void SequenceSet::add(Range range) {
    if (!ranges_.empty() && range.first <= std::uint64_t{ranges_.back().last} + 1) {
        ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
        ranges_.push_back(range);
    }
}

std::uint64_t SequenceSet::count() const {
    std::uint64_t sum = 0;
    for (const Range& range : ranges_) {
        sum += std::uint64_t{range.last} - range.first + 1;
    }
    return sum;
}

SequenceSet SequenceSet::intersection(const SequenceSet& other) const {
    SequenceSet both;
    auto mine = ranges_.begin();
    auto theirs = other.ranges_.begin();
    while (mine != ranges_.end() && theirs != other.ranges_.end()) {
        Range common{std::max(mine->first, theirs->first), std::min(mine->last, theirs->last)};
        if (common.first <= common.last) {
            both.add(common);
        }
        if (mine->last < theirs->last) {
            ++mine;
        } else {
            ++theirs;
        }
    }
    return both;
}

SequenceSet SequenceSet::without(std::span<const std::uint32_t> numbers) const {
    SequenceSet left;
    for (const Range& range : ranges_) {
        std::uint64_t from = range.first;
        auto at = std::ranges::lower_bound(numbers, range.first);
        for (; at != numbers.end() && *at <= range.last; ++at) {
            if (*at > from) {
                left.add(Range{static_cast<std::uint32_t>(from), *at - 1});
            }
            from = std::uint64_t{*at} + 1;
        }
        if (from <= range.last) {
            left.add(Range{static_cast<std::uint32_t>(from), range.last});
        }
    }
    return left;
}

std::string SequenceSet::to_string() const {
    std::string text;
    for (const Range& range : ranges_) {
        if (!text.empty()) {
            text += ',';
        }
        text += std::to_string(range.first);
        if (range.last != range.first) {
            text += ':';
            text += std::to_string(range.last);
        }
    }
    return text;
}

}  // namespace relais::imap
