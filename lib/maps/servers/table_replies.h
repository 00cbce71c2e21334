// The replies of table servers, as text: tcp: (lines), socketmap: (netstrings), memcache:.  Nothing
// here does I/O; what a server says is not trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

// tcp_table(5): "200 text", where blanks, % and what cannot be printed are written as %XX.
struct TcpReply {
    enum class Kind { kFound, kNotFound, kRetry, kMalformed, kBadStatus } kind;
    std::string text;
};

// A line without its end.
[[nodiscard]] TcpReply parse_tcp_reply(std::string_view line);
[[nodiscard]] std::string quote_hex(std::string_view text);
[[nodiscard]] std::optional<std::string> unquote_hex(std::string_view text);

// A netstring ("5:hello,") at the front of what has come.
struct Netstring {
    enum class State { kPartial, kWhole, kMalformed, kTooLong } state;
    std::string_view content;  // kWhole
    std::size_t length = 0;    // all of it
};

[[nodiscard]] Netstring parse_netstring(std::string_view input, std::size_t limit);
[[nodiscard]] std::string make_netstring(std::string_view content);

// socketmap_table(5): a status, a blank, and the value or a reason.
struct SocketmapReply {
    enum class Kind { kFound, kNotFound, kTemporary, kTimeout, kPermanent, kUnknown } kind;
    std::string_view text;
};

[[nodiscard]] SocketmapReply parse_socketmap_reply(std::string_view content);

// memcache: the line that begins an answer to "get".
struct MemcacheHeader {
    enum class Kind { kValue, kEnd, kUnexpected } kind;
    std::size_t size = 0;  // of the value that follows
};

[[nodiscard]] MemcacheHeader parse_memcache_header(std::string_view line, std::size_t limit);

}  // namespace relais
