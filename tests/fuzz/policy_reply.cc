// Fuzz target: what a policy server answers.  However it arrives, the outcome is the same.
#include "lib/ipc/policy_reply.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace relais;

// The name and the signature are libFuzzer's.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = parse_policy_reply(bytes);
    if (whole.length > bytes.size() ||
        whole.action.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
        __builtin_trap();
    }
    for (std::size_t half : {size / 2, size / 3}) {
        const auto partial = parse_policy_reply(bytes.substr(0, half));
        const bool complete = partial.length > 0;
        if (complete && (partial.state != whole.state || partial.action != whole.action ||
                         partial.length != whole.length)) {
            __builtin_trap();
        }
    }
    return 0;
}
