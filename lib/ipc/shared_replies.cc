#include "lib/ipc/shared_replies.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kLongestLine = 512;
constexpr std::string_view kEnd = "\r\n";

SharedReply malformed() {
    SharedReply reply;
    reply.state = SharedReply::State::kMalformed;
    return reply;
}

// `begin`: where a value of `size` bytes begins; `behind`: what comes after it.
SharedReply with_value(std::string_view bytes, std::size_t begin, std::size_t size,
                       std::string_view behind) {
    std::size_t whole = begin + size + behind.size();
    if (bytes.size() < whole) {
        return {};
    }
    if (bytes.substr(begin + size, behind.size()) != behind) {
        return malformed();
    }
    SharedReply reply{SharedReply::State::kComplete, whole, "", {}};
    reply.data = bytes.substr(begin, size);
    return reply;
}

std::optional<std::size_t> value_size(std::string_view digits) {
    auto number = parse_uint(digits);
    return number && *number <= kLongestSharedValue ? std::optional<std::size_t>(*number)
                                                    : std::nullopt;
}

}  // namespace

SharedReply parse_shared_reply(SharedProtocol protocol, std::string_view bytes) {
    auto end = bytes.substr(0, kLongestLine).find(kEnd);
    if (end == std::string_view::npos) {
        return bytes.size() < kLongestLine ? SharedReply() : malformed();
    }
    std::string_view line = bytes.substr(0, end);
    const std::size_t next = end + kEnd.size();
    if (protocol == SharedProtocol::kMemcache && line.starts_with("VALUE ")) {
        auto words = split_words(line, " ");
        auto size = words.size() >= 4 ? value_size(words[3]) : std::nullopt;
        return size ? with_value(bytes, next, *size, "\r\nEND\r\n") : malformed();
    }
    if (protocol == SharedProtocol::kRedis && line.starts_with('$') && line != "$-1") {
        auto size = value_size(line.substr(1));
        return size ? with_value(bytes, next, *size, kEnd) : malformed();
    }
    return {SharedReply::State::kComplete, next, std::string(line), {}};
}

std::string redis_request(std::initializer_list<std::string_view> words) {
    std::string request = format("*{}\r\n", words.size());
    for (std::string_view word : words) {
        request += format("${}\r\n{}\r\n", word.size(), word);
    }
    return request;
}

}  // namespace relais
