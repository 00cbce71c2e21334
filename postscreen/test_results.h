// What a client was tested for, and until when it is excused: one entry of the cache, as Postfix
// keeps it: "pregreet;dnsbl;pipelining;non-smtp;bare newline", each the time when the result
// expires.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace relais::postscreen {

enum class Test : unsigned { kPregreet, kDnsbl, kPipelining, kNonSmtp, kBareNewline };

inline constexpr std::size_t kTestCount = 5;

// A set of tests, one bit for each.
using TestSet = unsigned char;

constexpr TestSet only(Test test) {
    return static_cast<TestSet>(1U << static_cast<unsigned>(test));
}

inline constexpr TestSet kEarlyTests = only(Test::kPregreet) | only(Test::kDnsbl);
inline constexpr TestSet kDeepTests =
    only(Test::kPipelining) | only(Test::kNonSmtp) | only(Test::kBareNewline);

// A test that was never passed; a test that was not asked for when others were passed.
inline constexpr std::time_t kNeverPassed = 0, kNotEnabled = 1;

struct TestResults {
    std::array<std::time_t, kTestCount> until{};

    std::time_t& operator[](Test test) { return until[static_cast<std::size_t>(test)]; }

    // True where some test was never passed: the client is NEW to us.
    bool is_new() const;

    // The enabled tests whose result is not good at `now` (any more).
    TestSet expired(TestSet enabled, std::time_t now) const;
};

// Fewer fields come from a release that knew fewer tests; so does nonsense.
[[nodiscard]] TestResults parse_results(std::string_view entry);
[[nodiscard]] std::string format_results(TestResults results, TestSet enabled);

}  // namespace relais::postscreen
