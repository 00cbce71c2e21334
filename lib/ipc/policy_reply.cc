#include "lib/ipc/policy_reply.h"

namespace relais {
namespace {

std::string_view c_string(std::string_view text) {
    return text.substr(0, text.find('\0'));
}

// Takes in one line.  The first "action" counts, and what is behind it is not looked at any more.
void take_line(PolicyReply& reply, std::string_view line) {
    const auto equals = line.find('=');
    if (reply.state != PolicyReply::State::kNoAction ||
        c_string(line.substr(0, equals)) != "action") {
        return;
    }
    if (equals == std::string_view::npos) {
        reply.state = PolicyReply::State::kActionNoValue;
        return;
    }
    reply.state = PolicyReply::State::kAction;
    reply.action = c_string(line.substr(equals + 1));
}

}  // namespace

PolicyReply parse_policy_reply(std::string_view bytes) {
    PolicyReply reply;
    reply.state = PolicyReply::State::kNoAction;
    std::size_t at = 0;
    for (auto end = bytes.find('\n'); end != std::string_view::npos && end < kMaxPolicyReply;
         end = bytes.find('\n', at)) {
        const auto line = bytes.substr(at, end - at);
        at = end + 1;
        if (line.empty()) {
            reply.length = at;
            return reply;
        }
        take_line(reply, line);
    }
    PolicyReply partial;
    partial.state = bytes.size() >= kMaxPolicyReply ? PolicyReply::State::kTooLong
                                                    : PolicyReply::State::kIncomplete;
    partial.in_value = bytes.substr(at).find('=') != std::string_view::npos;
    return partial;
}

}  // namespace relais
