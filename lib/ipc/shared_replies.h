// What memcached and Redis answer, on buffers.  memcached: doc/protocol.txt of its sources; Redis:
// the RESP2 protocol.  The bytes are a server's that may lie.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

enum class SharedProtocol { kMemcache, kRedis };

inline constexpr std::size_t kLongestSharedValue = 65536;

struct SharedReply {
    enum class State { kComplete, kIncomplete, kMalformed };

    State state = State::kIncomplete;
    std::size_t size = 0;             // kComplete: the bytes that it takes
    std::string line;                 // its first line, without a value's
    std::optional<std::string> data;  // a value
};

// `bytes` is all that has come; what follows a reply is not looked at.
[[nodiscard]] SharedReply parse_shared_reply(SharedProtocol protocol, std::string_view bytes);

// A request to Redis.
[[nodiscard]] std::string redis_request(std::initializer_list<std::string_view> words);

}  // namespace relais
