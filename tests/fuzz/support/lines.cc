#include "tests/fuzz/support/lines.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

// libFuzzer's own mutations.
extern "C" std::size_t LLVMFuzzerMutate(  // NOLINT(readability-identifier-naming)
    std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace relais::fuzz {

namespace {

class LineMutator {
  public:
    LineMutator(std::string_view text, unsigned seed) : random_(seed) {
        while (!text.empty()) {
            std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
            lines_.emplace_back(text.substr(0, end));
            text.remove_prefix(end);
        }
    }

    std::size_t below(std::size_t count) { return random_() % std::max<std::size_t>(count, 1); }

    void change(std::span<const std::string_view> samples) {
        if (lines_.empty()) {
            insert(samples[below(samples.size())]);
            return;
        }
        const std::size_t at = below(lines_.size());
        switch (below(5)) {
            case 0:
                insert(std::string(lines_[at]));
                break;
            case 1:
                std::swap(lines_[at], lines_[below(lines_.size())]);
                break;
            case 2:
                lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default:
                insert(samples[below(samples.size())]);
                break;
        }
    }

    std::string text() const {
        std::string all;
        for (const std::string& line : lines_) {
            all += line;
        }
        return all;
    }

  private:
    void insert(std::string_view line) {
        auto where = lines_.begin() + static_cast<std::ptrdiff_t>(below(lines_.size() + 1));
        lines_.emplace(where, line);
    }

    std::minstd_rand random_;
    std::vector<std::string> lines_;
};

}  // namespace

std::size_t mutate_lines(std::span<const std::string_view> samples, std::uint8_t* data,
                         std::size_t size, std::size_t max_size, unsigned seed) {
    LineMutator lines({reinterpret_cast<const char*>(data), size}, seed);
    if (lines.below(3) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    for (std::size_t changes = 1 + lines.below(3); changes > 0; --changes) {
        lines.change(samples);
    }
    const std::string changed = lines.text();
    const std::size_t fits = std::min(changed.size(), max_size);
    std::copy_n(changed.data(), fits, data);
    return fits;
}

}  // namespace relais::fuzz
