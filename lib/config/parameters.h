// The parameter table (conf/parameters.tsv) as the program sees it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace relais {

enum class ParameterType : unsigned char { kBool, kInt, kLong, kTime, kString, kRaw };

struct ParameterInfo {
    std::string_view name;
    std::string_view default_text;  // unexpanded; see is_computed()
    ParameterType type = ParameterType::kString;
    char unit = ' ';           // of a time without a letter
    bool nonempty = false;     // an empty value is an error
    bool implemented = false;  // something in Relais reads it
    long min = 0;              // 0: unchecked
    long max = 0;              // 0: unchecked

    // Defaults that are worked out at run time ("@computed") or set by the reader ("@process").
    bool is_computed() const { return default_text.starts_with('@'); }
};

[[nodiscard]] std::size_t parameter_count();
// In the order of the names.
[[nodiscard]] ParameterInfo parameter_at(std::size_t index);
[[nodiscard]] std::optional<std::size_t> find_parameter(std::string_view name);

}  // namespace relais
