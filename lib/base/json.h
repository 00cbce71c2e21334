// What is needed of JSON (RFC 8259): strings to write, and flat objects to read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais {

// With its quotes.  Bytes that are no ASCII stay as they are: the caller sees to UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

// A member of an object: its values as text, several where it is an array; none where it is null or
// an object of its own.
struct JsonMember {
    std::string name;
    std::vector<std::string> values;
};

// Nothing where the text is no object, or nested more deeply than anybody needs.
[[nodiscard]] std::optional<std::vector<JsonMember>> parse_json_object(std::string_view text);

}  // namespace relais
