#include "postscreen/test_results.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::postscreen {

bool TestResults::is_new() const {
    return std::ranges::find(until, kNeverPassed) != until.end();
}

TestSet TestResults::expired(TestSet enabled, std::time_t now) const {
    TestSet out = 0;
    for (std::size_t i = 0; i < kTestCount; ++i) {
        out |= now > until[i] ? static_cast<TestSet>(1U << i) : TestSet{0};
    }
    return out & enabled;
}

TestResults parse_results(std::string_view entry) {
    TestResults results;
    results.until.fill(kNotEnabled);
    const auto fields = split_fields(entry, ';');
    for (std::size_t i = 0; i < std::min(fields.size(), kTestCount); ++i) {
        const auto time = parse_uint(fields[i]);
        constexpr auto kLatest = static_cast<std::uint64_t>(1) << 62;
        if (!time || *time > kLatest) {
            break;
        }
        results.until[i] = static_cast<std::time_t>(*time);
    }
    return results;
}

std::string format_results(TestResults results, TestSet enabled) {
    std::string out;
    for (std::size_t i = 0; i < kTestCount; ++i) {
        // Else the client would be NEW again as soon as such a test is enabled.
        const bool unasked = (enabled & (1U << i)) == 0 && results.until[i] == kNeverPassed;
        out += out.empty() ? "" : ";";
        out += format("{}", unasked ? kNotEnabled : results.until[i]);
    }
    return out;
}

}  // namespace relais::postscreen
