#include "tools/postmulti/instance.h"

#include <cerrno>
#include <cstring>

#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais::postmulti {

namespace {

Instance instance_of(const Config& config) {
    return {.config_directory = config.config_directory(),
            .queue_directory = config.queue_directory(),
            .data_directory = config.data_directory(),
            .name = config.multi_instance_name(),
            .group = config.multi_instance_group(),
            .enabled = config.multi_instance_enable()};
}

void check_directory(std::string_view parameter, const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        log_fatal("{} = '{}': directory not found: {}", parameter, path, std::strerror(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        log_fatal("{} = '{}' is not a directory", parameter, path);
    }
}

}  // namespace

void Claims::add(const Instance& instance, std::string_view parameter, const std::string& value) {
    std::string claim = format("instance {}, {}={}", instance.config_directory, parameter, value);
    auto [known, is_new] = owners_.try_emplace(value, claim);
    if (!is_new) {
        log_fatal("{} conflicts with {}", claim, known->second);
    }
}

void Claims::add_instance(const Instance& instance) {
    if (!instance.name.empty()) {
        add(instance, "multi_instance_name", instance.name);
    }
    add(instance, "config_directory", instance.config_directory);
    add(instance, "queue_directory", instance.queue_directory);
    add(instance, "data_directory", instance.data_directory);
}

std::string Claims::owner(const std::string& value) const {
    auto found = owners_.find(value);
    return found == owners_.end() ? "" : found->second;
}

Instance read_instance(const std::string& config_directory) {
    ConfigOptions wanted;
    wanted.directory = config_directory;
    wanted.process_name = "postmulti";
    auto config = Config::load(wanted);
    if (!config) {
        log_error("{}", config.error().message);
        log_fatal("Failed to obtain all required {}/main.cf parameters", config_directory);
    }
    return instance_of(*config);
}

Suite load_suite() {
    Suite suite;
    Instance primary = instance_of(conf());
    auto directories = split_words(conf().multi_instance_directories(), ", \t\r\n");
    primary.primary = true;
    primary.enabled = primary.enabled || directories.empty();
    const std::pair<std::string_view, const std::string*> shared[] = {
        {"command_directory", &conf().command_directory()},
        {"daemon_directory", &conf().daemon_directory()},
        {"meta_directory", &conf().meta_directory()},
        {"shlib_directory", &conf().shlib_directory()},
    };
    for (const auto& [parameter, path] : shared) {
        // Debian keeps its meta files beside main.cf; shared libraries are optional.
        if (*path == primary.config_directory || *path == "no") {
            continue;
        }
        // Relais has no shared libraries of its own: their directory need not exist.
        if (parameter != "shlib_directory") {
            check_directory(parameter, *path);
        }
        suite.claims.add(primary, parameter, *path);
    }
    suite.claims.add_instance(primary);
    suite.instances.push_back(std::move(primary));
    for (std::string_view directory : directories) {
        Instance instance = read_instance(std::string(directory));
        suite.claims.add_instance(instance);
        suite.instances.push_back(std::move(instance));
    }
    return suite;
}

}  // namespace relais::postmulti
