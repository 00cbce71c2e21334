#include "lib/config/main_cf.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/logical_lines.h"

namespace relais {

Result<NameValue> split_name_value(std::string_view text) {
    auto rest = trim(text);
    auto name_end = rest.find_first_of(" \t\r\n\v\f=");
    auto name = rest.substr(0, name_end);
    auto after = trim_left(rest.substr(name.size()));
    if (name.empty()) {
        return fail(Errc::kSyntax, format("missing attribute name: \"{}\"", text));
    }
    if (after.empty() || after.front() != '=') {
        return fail(Errc::kSyntax, format("missing '=' after attribute name: \"{}\"", text));
    }
    return NameValue{name, trim(after.substr(1))};
}

Result<std::vector<MainCfEntry>> parse_main_cf(std::string_view text, std::string_view path) {
    std::vector<MainCfEntry> entries;
    for (const auto& line : read_logical_lines(text)) {
        if (is_blank(line.text.front())) {
            log_warning("{}: logical line must not start with whitespace: \"{}\"", path,
                        excerpt(line.text));
            continue;
        }
        auto pair = split_name_value(line.text);
        if (!pair) {
            return fail(Errc::kSyntax,
                        format("{}, line {}: {}", path, line.first_line, pair.error().message));
        }
        entries.push_back({std::string(pair->name), std::string(pair->value), line.first_line});
    }
    return entries;
}

}  // namespace relais
