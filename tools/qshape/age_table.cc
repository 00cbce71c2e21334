#include "tools/qshape/age_table.h"

#include <algorithm>
#include <iterator>

#include "lib/base/format.h"

namespace relais {

namespace {

constexpr std::size_t kMinColumn = 2;
constexpr std::size_t kMinName = 18;
constexpr double kMinute = 60;

// "example.com" of "a.example.com" and of ".a.example.com"; nothing where that is a top-level
// domain.
std::string_view parent_of(std::string_view name) {
    std::size_t dot = name.find('.', name.starts_with('.') ? 1 : 0);
    if (dot == std::string_view::npos || name.find('.', dot + 1) == std::string_view::npos) {
        return {};
    }
    return name.substr(dot);
}

// What of a name fits, so that no byte of it reaches the terminal as a control code.
std::string fitted(std::string_view name, std::size_t width) {
    if (name.size() <= width) {
        return std::string(width - name.size(), ' ') + printable(name);
    }
    std::string_view mark = name.starts_with('.') ? ".+" : "+";
    return std::string(mark) + printable(name.substr(name.size() - (width - mark.size())));
}

}  // namespace

std::string counted_domain(std::string_view address) {
    if (address.empty()) {
        return "MAILER-DAEMON";
    }
    std::string out;
    for (char c : address.substr(address.rfind('@') + 1)) {  // npos + 1 is 0
        bool is_empty_label = c == '.' && (out.empty() || out.back() == '.');
        if (!is_empty_label) {
            out += to_lower(c);
        }
    }
    if (out.ends_with('.')) {
        out.pop_back();
    }
    return out;
}

AgeTable::AgeTable(const QshapeOptions& options)
    : min_subdomains_(options.min_subdomains),
      with_parents_(options.parents),
      terminal_width_(options.width),
      heading_{"T"} {
    double minutes = options.minutes;
    std::string label = "0";
    for (unsigned i = 1; i < options.buckets; ++i) {
        label = format("{:.15g}", minutes);
        heading_.push_back(label);
        limits_.push_back(minutes * kMinute);
        minutes = options.linear ? minutes + options.minutes : minutes * 2;
    }
    heading_.push_back(label + "+");
    sum_.by_age.resize(options.buckets);
}

AgeTable::Row& AgeTable::row(std::string_view name, bool& is_new) {
    auto found = rows_.find(name);
    is_new = found == rows_.end();
    if (is_new) {
        found = rows_.emplace(name, Row{}).first;
        found->second.by_age.resize(sum_.by_age.size());
    }
    return found->second;
}

void AgeTable::count(Row& row, std::size_t bucket) const {
    ++row.total;
    ++row.by_age[bucket];
}

// A row that is new is one more below its parent's.
void AgeTable::add_to_parents(std::string_view domain, std::size_t bucket, bool new_below) {
    for (std::string_view parent = parent_of(domain); !parent.empty(); parent = parent_of(parent)) {
        bool is_new = false;
        Row& above = row(parent, is_new);
        count(above, bucket);
        above.subdomains += new_below ? 1 : 0;
        new_below = is_new;
    }
}

void AgeTable::add(std::string_view domain, std::int64_t age) {
    auto limit = std::ranges::upper_bound(limits_, static_cast<double>(age));
    auto bucket = static_cast<std::size_t>(std::distance(limits_.begin(), limit));
    count(sum_, bucket);
    bool is_new = false;
    count(row(domain, is_new), bucket);
    if (with_parents_) {
        add_to_parents(domain, bucket, is_new);
    }
}

std::vector<AgeTable::Line> AgeTable::lines() const {
    std::vector<Line> out;
    out.reserve(rows_.size());
    for (const auto& [name, row] : rows_) {
        if (row.subdomains == 0 || row.subdomains >= min_subdomains_) {
            out.push_back({name, &row});
        }
    }
    std::ranges::sort(out, [](const Line& a, const Line& b) {
        if (a.row->total != b.row->total) {
            return a.row->total > b.row->total;
        }
        return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
    });
    return out;
}

std::string AgeTable::format_row(std::string_view name, const Row& row,
                                 const std::vector<std::size_t>& widths,
                                 std::size_t name_width) const {
    std::string out = fitted(name, name_width) + format(" {:>{}}", row.total, widths[0]);
    for (std::size_t i = 0; i < row.by_age.size(); ++i) {
        out += format(" {:>{}}", row.by_age[i], widths[i + 1]);
    }
    return out + '\n';
}

std::string AgeTable::text(std::size_t rows) const {
    std::vector<std::size_t> widths;
    std::size_t numbers = 0;
    std::string heading;
    for (std::size_t i = 0; i < heading_.size(); ++i) {
        std::uint64_t most = i == 0 ? sum_.total : sum_.by_age[i - 1];
        std::size_t width = std::max({kMinColumn, heading_[i].size(), std::to_string(most).size()});
        widths.push_back(width);
        numbers += width + 1;
        heading += format(" {:>{}}", heading_[i], width);
    }
    std::size_t name_width =
        terminal_width_ > numbers + kMinName ? terminal_width_ - numbers : kMinName;
    std::string out = std::string(name_width, ' ') + heading + '\n';
    out += format_row("TOTAL", sum_, widths, name_width);
    std::size_t shown = 1;
    for (const Line& line : lines()) {
        if (shown++ >= rows) {
            break;
        }
        out += format_row(line.name, *line.row, widths, name_width);
    }
    return out;
}

}  // namespace relais
