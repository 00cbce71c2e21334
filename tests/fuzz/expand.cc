// Fuzz target: $name expansion.  Lines of the input that are "name=value" are the variables, its
// last line is the text.
#include "lib/config/expand.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "lib/base/strings.h"

using namespace relais;

namespace {

using Values = std::map<std::string, std::string, std::less<>>;

// A text whose dollars are doubled stands for itself.
void check_doubled(std::string_view text, const ExpandOptions& options) {
    std::string doubled;
    for (char c : text) {
        doubled.append(c == '$' ? 2 : 1, c);
    }
    const auto result = expand(doubled, options);
    if (!result || result->text != text || result->undefined) {
        std::abort();
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    Values values;
    std::string_view text;
    for (auto line : split_fields(input, '\n')) {
        if (auto pair = split_first(line, '=')) {
            values.insert_or_assign(std::string(pair->first), std::string(pair->second));
        }
        text = line;
    }
    ExpandOptions options;
    options.lookup = [&](std::string_view name) -> std::optional<std::string> {
        const auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
    check_doubled(input, options);
    (void)expand(text, options);
    options.filter = "abc$";
    (void)expand(text, options);
    options.filter = {};
    options.recurse = true;
    const auto result = expand(text, options);
    std::size_t names = 0;
    const auto visited = for_each_name(text, [&](std::string_view name) { names += name.size(); });
    if (result && !text.contains('$') && (result->text != text || !visited || names != 0)) {
        std::abort();
    }
    return 0;
}
