#include "lib/maps/file_value.h"

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/config/values.h"

namespace relais {

Result<std::string> encode_files(std::string_view names) {
    auto paths = split_list(names);
    if (paths.empty()) {
        return fail(Errc::kSyntax, format("empty pathname list: >>{}<<'", names));
    }
    std::string content;
    for (const std::string& path : paths) {
        auto file = read_file(path);
        if (!file) {
            return fail_with(file);
        }
        content += content.empty() ? "" : "\n";
        content += *file;
    }
    return base64_encode(content);
}

Result<std::string> value_from_source(std::string_view value, TableFlags flags) {
    if ((flags & table_flag::kValueIsFile) == 0) {
        return std::string(value);
    }
    return encode_files(value);
}

}  // namespace relais
