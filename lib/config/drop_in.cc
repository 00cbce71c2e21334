#include "lib/config/drop_in.h"

#include <cerrno>

#include "lib/base/file.h"

namespace relais {

Result<std::vector<std::string>> drop_in_files(const std::string& directory) {
    std::vector<std::string> paths;
    auto names = list_directory(directory);
    if (!names) {
        return names.error().sys_errno == ENOENT ? Result<std::vector<std::string>>(paths)
                                                 : fail_with(names);
    }
    for (const auto& name : *names) {
        if (name.ends_with(".cf") && !name.starts_with('.')) {
            paths.push_back(directory + "/" + name);
        }
    }
    return paths;
}

}  // namespace relais
