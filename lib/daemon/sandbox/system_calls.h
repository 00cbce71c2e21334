// The system calls by what they are for.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

// The processors whose calls are listed, and filtered.
#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
#define RELAIS_FILTERS_CALLS 1
#else
#define RELAIS_FILTERS_CALLS 0
#endif

namespace relais {

// Landlock's, which headers of older systems do not have: the same on every processor.
inline constexpr int kLandlockCreateRuleset = 444;
inline constexpr int kLandlockAddRule = 445;
inline constexpr int kLandlockRestrictSelf = 446;

struct SystemCall {
    int number;
    std::string_view name;
};

// (argument & mask) == value; only the lower half of an argument counts.
struct ArgumentTest {
    unsigned argument = 0;
    std::uint32_t mask = 0;  // 0: no test
    std::uint32_t value = 0;
};

// A call that is allowed if its arguments pass; several of one number are alternatives.
struct CheckedCall {
    int number;
    std::array<ArgumentTest, 3> tests;
};

enum class CallGroup {
    kAlways,        // memory, time, threads, what is open, reading by path
    kChangeFiles,   // by path: make, rename, remove, change modes and owners
    kBind,          // a name for a socket
    kSendAnywhere,  // where connections to any port are allowed
    kIdentity,
    kWatches,
};

[[nodiscard]] std::span<const SystemCall> system_calls(CallGroup group);

enum class CheckedGroup {
    kAlways,
    kInternet,           // its sockets
    kSendOnConnections,  // and do not make them by sending: instead of kSendAnywhere
};

[[nodiscard]] std::span<const CheckedCall> checked_calls(CheckedGroup group);

// Calls that libraries try out of habit and do without: refused without a line in the log, as a
// kernel does that has none of them.
[[nodiscard]] std::span<const SystemCall> calls_done_without();

// From here on, numbers are of a kernel that is newer than this list: to a library that tries one,
// it is not there.
inline constexpr int kFirstUnknownCall = 470;

// The name of any call worth a word in the log; empty: only its number is known.
[[nodiscard]] std::string_view system_call_name(int number);

}  // namespace relais
