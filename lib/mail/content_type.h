// The values of MIME headers: Content-Type with its parameters, Content-Transfer-Encoding.
// RFC 2045 section 5 and 6
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais {

struct ContentType {
    std::string type;                                             // lower case: "text"
    std::string subtype;                                          // lower case: "plain"
    std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case

    // The value of a parameter, or "".
    std::string_view parameter(std::string_view name) const;

    bool is(std::string_view t, std::string_view s) const { return type == t && subtype == s; }
};

// What can be read of the value; a missing or malformed type is text/plain (RFC 2045 5.2).
[[nodiscard]] ContentType parse_content_type(std::string_view value);

// A value with parameters but without a subtype (Content-Disposition): all in `type`.
[[nodiscard]] ContentType parse_disposition(std::string_view value);

enum class TransferEncoding : std::uint8_t {
    k7bit,
    k8bit,
    kBinary,
    kQuotedPrintable,
    kBase64,
    kUnknown,
};

[[nodiscard]] TransferEncoding parse_transfer_encoding(std::string_view value);

}  // namespace relais
