#include "lib/maps/databases/dynamic_maps.h"

#include <algorithm>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

struct DynamicMap {
    std::string type;
    std::string library;   // a path
    std::string function;  // that opens a table
};

// Whoever can write the file can run code in every daemon.  Where an instance belongs to an
// ordinary user, so do its files.
bool is_trusted(int fd) {
    struct stat it = {};
    return ::fstat(fd, &it) == 0 && (it.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (it.st_uid == 0 || it.st_uid == ::geteuid());
}

class DynamicMaps {
  public:
    DynamicMaps() {
        std::string base = conf().meta_directory() + "/dynamicmaps.cf";
        read(base);
        auto names = list_directory(base + ".d");
        for (const std::string& name : names ? *names : std::vector<std::string>()) {
            read(format("{}.d/{}", base, name));
        }
    }

    const std::vector<DynamicMap>& all() const { return maps_; }

    const DynamicMap* find(std::string_view type) const {
        auto it = std::ranges::find(maps_, type, &DynamicMap::type);
        return it == maps_.end() ? nullptr : &*it;
    }

  private:
    void read(const std::string& path);
    void add_line(std::string_view line, const std::string& path, int number);

    std::vector<DynamicMap> maps_;
};

void DynamicMaps::read(const std::string& path) {
    auto file = open_file(path, O_RDONLY);
    if (!file) {
        return;
    }
    if (!is_trusted(file->get())) {
        log_warning("{}: file is owned or writable by non-root users -- skipping this file", path);
        return;
    }
    auto text = read_all(file->get(), kMaxFile);
    if (!text) {
        log_warning("{}: {} -- skipping this file", path, text.error().message);
        return;
    }
    int number = 0;
    for (std::string_view line : split_fields(*text, '\n')) {
        add_line(line, path, ++number);
    }
}

void DynamicMaps::add_line(std::string_view line, const std::string& path, int number) {
    auto words = split_words(line);
    if (words.empty() || words.front().starts_with('#')) {
        return;
    }
    if (words.size() < 3) {
        log_fatal("{}, line {}: Expected \"dict-type .so-name dict-function [mkmap-function]\"",
                  path, number);
    }
    if (find(words[0]) != nullptr) {
        log_warning("{}: ignoring duplicate entry for \"{}\"", path, words[0]);
        return;
    }
    std::string library = words[1].starts_with('/')
                              ? std::string(words[1])
                              : format("{}/{}", conf().shlib_directory(), words[1]);
    maps_.push_back({std::string(words[0]), std::move(library), std::string(words[2])});
}

const DynamicMaps& dynamic_maps() {
    static const DynamicMaps maps;
    return maps;
}

}  // namespace

std::vector<std::string> dynamic_map_types() {
    std::vector<std::string> types;
    for (const DynamicMap& map : dynamic_maps().all()) {
        types.push_back(map.type);
    }
    return types;
}

Result<void*> load_table_plugin(std::string_view type, std::string_view kind) {
    std::string unsupported = format("unsupported dictionary type: {}", type);
    const DynamicMap* map = dynamic_maps().find(type);
    if (map == nullptr) {
        return fail(Errc::kNotFound, unsupported);
    }
    if (::access(map->library.c_str(), F_OK) != 0) {
        auto reason = fail_errno(map->library).error().message;
        log_warning("{} ({})", unsupported, reason);
        return fail(Errc::kNotFound, unsupported);
    }
    void* library = ::dlopen(map->library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        return fail(Errc::kSystem, format("load_library_symbols: dlopen failure loading {}: {}",
                                          map->library, ::dlerror()));
    }
    const auto* told = static_cast<const char*>(::dlsym(library, "relais_plugin"));
    if (told == nullptr || told != kind) {
        return fail(Errc::kNotFound,
                    format("{} ({} is not a plug-in of this release)", unsupported, map->library));
    }
    void* function = ::dlsym(library, map->function.c_str());
    if (function == nullptr) {
        return fail(Errc::kNotFound,
                    format("load_library_symbols: dlsym failure looking up {} in {}: {}",
                           map->function, map->library, ::dlerror()));
    }
    return function;
}

}  // namespace relais
