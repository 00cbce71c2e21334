#include "lib/maps/servers/table_replies.h"

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais {

std::string quote_hex(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (is_print(c) && c != ' ' && c != '%') {
            out += c;
        } else {
            out += format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::optional<std::string> unquote_hex(std::string_view text) {
    return decode_hex_escapes(text, '%');
}

TcpReply parse_tcp_reply(std::string_view line) {
    using Kind = TcpReply::Kind;
    if (line.size() < 4 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) ||
        !is_blank(line[3])) {
        return {Kind::kMalformed, {}};
    }
    auto text = unquote_hex(line.substr(4));
    if (!text) {
        return {Kind::kMalformed, {}};
    }
    text->resize(std::min(text->find('\0'), text->size()));
    switch (line[0]) {
        case '2':
            return {Kind::kFound, std::move(*text)};
        case '4':
            return {Kind::kRetry, std::move(*text)};
        case '5':
            return {Kind::kNotFound, std::move(*text)};
        default:
            return {Kind::kBadStatus, {}};
    }
}

Netstring parse_netstring(std::string_view input, std::size_t limit) {
    using State = Netstring::State;
    std::size_t size = 0;
    std::size_t at = 0;
    for (; at < input.size() && is_digit(input[at]); ++at) {
        size = size * 10 + static_cast<std::size_t>(input[at] - '0');
        if (size > limit || at > 20) {
            return {State::kTooLong, {}};
        }
    }
    if (at == input.size()) {
        return {State::kPartial, {}};
    }
    if (at == 0 || input[at] != ':') {
        return {State::kMalformed, {}};
    }
    std::string_view rest = input.substr(at + 1);
    if (rest.size() <= size) {
        return {State::kPartial, {}};
    }
    if (rest[size] != ',') {
        return {State::kMalformed, {}};
    }
    return {State::kWhole, rest.substr(0, size), at + 1 + size + 1};
}

std::string make_netstring(std::string_view content) {
    return format("{}:{},", content.size(), content);
}

SocketmapReply parse_socketmap_reply(std::string_view content) {
    using Kind = SocketmapReply::Kind;
    content = content.substr(0, content.find('\0'));
    auto parts = split_first(content, ' ');
    std::string_view status = parts ? parts->first : content;
    std::string_view text = parts ? parts->second : std::string_view();
    if (status == "OK") {
        return {parts ? Kind::kFound : Kind::kNotFound, text};
    }
    if (status == "NOTFOUND") {
        return {Kind::kNotFound, text};
    }
    if (status == "TEMP") {
        return {Kind::kTemporary, text};
    }
    if (status == "TIMEOUT") {
        return {Kind::kTimeout, text};
    }
    return {status == "PERM" ? Kind::kPermanent : Kind::kUnknown, text};
}

MemcacheHeader parse_memcache_header(std::string_view line, std::size_t limit) {
    using Kind = MemcacheHeader::Kind;
    if (line == "END") {
        return {Kind::kEnd};
    }
    // VALUE key flags size
    auto words = split_words(line);
    if (words.size() < 4 || words[0] != "VALUE") {
        return {Kind::kUnexpected};
    }
    auto size = parse_uint(words[3]);
    if (!size || *size > limit) {
        return {Kind::kUnexpected};
    }
    return {Kind::kValue, static_cast<std::size_t>(*size)};
}

}  // namespace relais
