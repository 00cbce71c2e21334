#include "lib/config/config.h"

#include <algorithm>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/drop_in.h"
#include "lib/config/expand.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{16} << 20;

std::unique_ptr<Config>& global_conf() {
    static std::unique_ptr<Config> config;
    return config;
}

}  // namespace

Config::Config() : values_(parameter_count()) {
}

const Config& conf() {
    if (!global_conf()) {
        log_panic("conf: used before set_conf");
    }
    return *global_conf();
}

void set_conf(Config config) {
    global_conf() = std::make_unique<Config>(std::move(config));
}

std::string config_directory_from(const ConfigOptions& options) {
    if (!options.directory.empty()) {
        return options.directory;
    }
    const char* from_environment = std::getenv("MAIL_CONFIG");
    return from_environment != nullptr ? from_environment : std::string(kDefaultConfigDirectory);
}

Result<Config> Config::load(const ConfigOptions& options) {
    Config config;
    auto directory = config_directory_from(options);
    auto main_cf = config.read_file_into(directory + "/main.cf");
    if (!main_cf) {
        return fail_with(main_cf);
    }
    config.set("config_directory", directory);
    auto more = config.read_directory();
    if (!more) {
        return fail_with(more);
    }
    config.set("config_directory", directory);
    config.set("process_name", options.process_name);
    config.set("process_id", format("{}", ::getpid()));
    if (!options.service_name.empty()) {
        config.set("service_name", options.service_name);
    }
    for (const auto& setting : options.settings) {
        auto done = config.set_option(setting);
        if (!done) {
            return fail_with(done);
        }
    }
    return config;
}

Config Config::from_text(std::string_view text) {
    Config config;
    auto done = config.add_text(text, "main.cf");
    if (!done) {
        log_panic("Config::from_text: {}", done.error().message);
    }
    return config;
}

Result<void> Config::read_file_into(const std::string& path) {
    // Read again when it changed under us, so that a file being written is not taken half.
    for (int tries = 0; tries < 10; ++tries) {
        struct stat before{};
        struct stat after{};
        if (::stat(path.c_str(), &before) != 0) {
            return fail_errno("open " + path);
        }
        auto text = read_file(path, kMaxFile);
        if (!text) {
            return fail_with(text);
        }
        if (::stat(path.c_str(), &after) == 0 && before.st_ino == after.st_ino &&
            before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
            before.st_mtim.tv_nsec == after.st_mtim.tv_nsec) {
            return add_text(*text, path);
        }
        ::usleep(30'000);
    }
    return fail(Errc::kTemporary, format("{}: changes all the time", path));
}

Result<void> Config::read_directory() {
    auto paths = drop_in_files(raw("config_directory").value_or("") + "/main.cf.d");
    if (!paths) {
        return fail_with(paths);
    }
    for (const auto& path : *paths) {
        auto done = read_file_into(path);
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> Config::add_text(std::string_view text, const std::string& path) {
    auto entries = parse_main_cf(text, path);
    if (!entries) {
        return fail_with(entries);
    }
    files_.push_back(path);
    for (auto& entry : *entries) {
        const Setting* had = setting(entry.name);
        if (had != nullptr && had->file == path && had->value != entry.value) {
            log_warning("{}, line {}: overriding earlier entry: {}={}", path, entry.line,
                        entry.name, had->value);
        }
        set(entry.name, std::move(entry.value), path, entry.line);
    }
    return {};
}

Result<void> Config::set_option(std::string_view setting) {
    auto assignment = parse_assignment(setting);
    if (!assignment) {
        return fail_with(assignment);
    }
    set(assignment->name, std::move(assignment->value));
    return {};
}

void Config::set(std::string_view name, std::string value, std::string file, int line) {
    settings_.insert_or_assign(std::string(name), Setting{std::move(value), std::move(file), line});
    if (any_value_) {
        std::ranges::fill(values_, Value{});
        any_value_ = false;
    }
    own_addresses_.reset();
}

const Config::Setting* Config::setting(std::string_view name) const {
    auto found = settings_.find(name);
    return found == settings_.end() ? nullptr : &found->second;
}

std::vector<std::string> Config::names() const {
    std::vector<std::string> names;
    names.reserve(settings_.size());
    for (const auto& [name, unused] : settings_) {
        names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

const std::vector<InterfaceAddress>& Config::own_addresses() const {
    if (!own_addresses_) {
        auto chosen = find_own_addresses();
        if (!chosen) {
            log_fatal("{}", chosen.error().message);
        }
        own_addresses_ = std::make_unique<std::vector<InterfaceAddress>>(std::move(*chosen));
    }
    return *own_addresses_;
}

}  // namespace relais
