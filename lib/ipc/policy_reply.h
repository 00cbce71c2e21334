// What a policy server says (SMTPD_POLICY_README): lines "name=value" up to an empty one, of which
// "action=" tells what to do.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relais {

// Longer replies are not waited for to their end.
inline constexpr std::size_t kMaxPolicyReply = 65536;

struct PolicyReply {
    enum class State {
        kIncomplete,  // more is to come
        kAction,
        kNoAction,       // complete, but nowhere "action"
        kActionNoValue,  // "action" without "="
        kTooLong,
    };
    State state = State::kIncomplete;
    std::size_t length = 0;  // of the reply with its empty line, where it is complete
    std::string action;      // of the first of them; may be empty
    bool in_value = false;   // kIncomplete: what is missing is the rest of a value
};

// What the server has sent so far.  Names and values end at a NUL, as C strings do.
[[nodiscard]] PolicyReply parse_policy_reply(std::string_view bytes);

}  // namespace relais
