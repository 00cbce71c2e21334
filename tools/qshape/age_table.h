// How many addresses there are by domain and age: the table that qshape prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"

#include "tools/qshape/options.h"

namespace relais {

// What an address counts for: its domain in lower case, without empty labels.
[[nodiscard]] std::string counted_domain(std::string_view address);

class AgeTable {
  public:
    explicit AgeTable(const QshapeOptions& options);

    // One message or recipient there, so many seconds old (less than 0: not yet sent).
    void add(std::string_view domain, std::int64_t age);

    // The heading, the sum, and the domains: many before few, short before long.  At most `rows`
    // lines under the heading.
    [[nodiscard]] std::string text(std::size_t rows = SIZE_MAX) const;

  private:
    struct Row {
        std::uint64_t total = 0;
        std::vector<std::uint64_t> by_age;
        unsigned subdomains = 0;  // of a parent domain: rows directly below
    };

    struct Line {
        std::string_view name;
        const Row* row;
    };

    using Rows = std::unordered_map<std::string, Row, StringHash, std::equal_to<>>;

    Row& row(std::string_view name, bool& is_new);
    void count(Row& row, std::size_t bucket) const;
    void add_to_parents(std::string_view domain, std::size_t bucket, bool new_below);
    [[nodiscard]] std::vector<Line> lines() const;
    [[nodiscard]] std::string format_row(std::string_view name, const Row& row,
                                         const std::vector<std::size_t>& widths,
                                         std::size_t name_width) const;

    unsigned min_subdomains_;
    bool with_parents_;
    std::size_t terminal_width_;
    std::vector<double> limits_;        // seconds: the ends of all intervals but the last
    std::vector<std::string> heading_;  // "T", and a label for each interval
    Row sum_;
    Rows rows_;
};

}  // namespace relais
