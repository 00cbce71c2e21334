#include "lib/daemon/sandbox/places.h"

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox/name_service.h"
#include "lib/maps/table_needs.h"
#include "lib/queue/queue_dirs.h"
#include "lib/tls/default_authorities.h"

namespace relais {

namespace {

// What the C library and others' libraries read whenever they like; it is nobody's secret.
constexpr FileRule kForEverybody[] = {
    {Access::kRead, "/usr"},
    {Access::kRead, "/lib"},
    {Access::kRead, "/lib64"},
    {Access::kRead, "/nix/store"},
    {Access::kRead, "/gnu/store"},
    {Access::kRead, "/etc/ld.so.cache"},
    {Access::kRead, "/etc/localtime"},
    {Access::kRead, "/etc/ssl/openssl.cnf"},
    {Access::kRead, "/sys/devices/system/cpu"},
    {Access::kWrite, "/dev/null"},
    {Access::kRead, "/dev/urandom"},
};

// Each may be a link to another file system.
constexpr auto kQueues =
    std::to_array<std::string_view>({kMaildrop, kIncoming, kActive, kDeferred, kHold, kCorrupt,
                                     kSaved, kBounceLog, kDeferLog, kTraceLog, kFlushLog});

constexpr std::size_t kMostLinks = 5000;

// What has to be open so that the file can be read, and the one that is put in its place: the
// directory around it, but never all there is; a directory is its own place.
std::string place_of_file(const std::string& path) {
    std::error_code nothing_there;
    std::string around = parent_directory(path);
    return around == "/" || std::filesystem::is_directory(path, nothing_there) ? path : around;
}

// The place to which a link in `directory` leads; empty: not out of the directory, or it is none,
// or to where everybody may read, as hundreds do in some distributions' directories of authorities.
std::string place_elsewhere(const std::string& directory, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const std::string path = directory + "/" + name;
    const auto size = ::readlink(path.c_str(), target.data(), target.size());
    const std::string_view to(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    const bool elsewhere = to.contains('/') && !to.starts_with("/usr/");
    const auto real = elsewhere ? real_path(path) : std::nullopt;
    return real ? place_of_file(*real) : "";
}

class Places {
  public:
    // One rule in the words of a table.
    void add(const FileRule& rule) {
        if (rule.where == "@names") {
            add_all(rule.access, name_service_directories());
        } else if (rule.where == "@queues") {
            add_all(rule.access, kQueues);
        } else if (rule.where == "@certificates") {
            for (const std::string& place : default_authorities()) {
                add_with_links(rule.access, place);
            }
        } else if (rule.where.starts_with('$')) {
            add_parameter(rule);
        } else {
            add(rule.access, std::string(rule.where));
        }
    }

    void add(Access access, std::string path) {
        if (!path.empty()) {
            places_.push_back({access, std::move(path)});
        }
    }

    void add(KnownPlace place) { places_.push_back(std::move(place)); }

    void add_all(Access access, const auto& paths) {
        for (const auto& path : paths) {
            add(access, std::string(path));
        }
    }

    std::vector<KnownPlace> take() { return std::move(places_); }

  private:
    // Where a process changes files, it could have made the link itself, and the next one would get
    // what that leads to.
    static bool follows_links(Access access) { return access == Access::kRead; }

    void add_parameter(const FileRule& rule) {
        const bool around = rule.where.ends_with('/');
        const std::string_view name = rule.where.substr(1, rule.where.size() - (around ? 2 : 1));
        for (std::string_view word : split_words(conf().text_value(name), ", \t\r\n")) {
            const auto colon = word.rfind(":/");
            const bool table = colon != std::string_view::npos;
            const std::string path(table ? word.substr(colon + 1) : word);
            if (table) {
                add_table(rule.access, path);
            } else if (around) {
                add_file(rule.access, path);
            } else {
                add_with_links(rule.access, path);
            }
        }
    }

    // Its name is not always that of a file.
    void add_table(Access access, const std::string& path) {
        add(access, parent_directory(path));
        if (auto real = follows_links(access) ? real_path(path) : std::nullopt) {
            add(access, parent_directory(*real));
        }
    }

    // A file that is replaced is another one.
    void add_file(Access access, const std::string& path) {
        if (!path.starts_with('/')) {
            return;
        }
        add(access, place_of_file(path));
        if (auto real = follows_links(access) ? real_path(path) : std::nullopt) {
            add(access, place_of_file(*real));
        }
    }

    // A directory of links (c_rehash(1)) is read through them.
    void add_with_links(Access access, const std::string& path) {
        add(access, path);
        const auto names = list_directory(path);
        if (!names || !follows_links(access)) {
            return;
        }
        std::set<std::string> directories;
        for (const std::string& name :
             std::span(*names).first(std::min(names->size(), kMostLinks))) {
            if (std::string place = place_elsewhere(path, name); !place.empty()) {
                directories.insert(std::move(place));
            }
        }
        add_all(access, directories);
    }

    std::vector<KnownPlace> places_;
};

}  // namespace

std::vector<KnownPlace> places_of(const SandboxTable& table,
                                  std::span<const KnownPlace> known_now) {
    Places places;
    for (const FileRule& rule : kForEverybody) {
        places.add(rule);
    }
    for (const FileRule& rule : table.files) {
        places.add(rule);
    }
    for (const KnownPlace& place : known_now) {
        places.add(place);
    }
    places.add_all(Access::kRead, table_needs().read);
    places.add_all(Access::kChange, table_needs().changed);
    if (table_needs().servers) {
        // Client libraries have their settings there, and plug-ins of their own.
        places.add(FileRule{Access::kRead, "@names"});
        places.add(FileRule{Access::kRead, "@certificates"});
        places.add(FileRule{Access::kRead, "$shlib_directory"});
    }
    return places.take();
}

}  // namespace relais
