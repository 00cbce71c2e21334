#include "lib/queue/queue_config.h"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/strings.h"

namespace relais {

QueueDirs queue_dirs_from(const Config& config) {
    std::vector<std::string> hashed;
    for (auto name : split_words(config.hash_queue_names(), ", \t\r\n")) {
        hashed.emplace_back(name);
    }
    return {std::move(hashed), config.hash_queue_depth(),
            config.enable_long_queue_ids() ? QueueIdForm::kLong : QueueIdForm::kShort};
}

}  // namespace relais
