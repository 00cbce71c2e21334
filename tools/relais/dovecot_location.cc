#include "tools/relais/dovecot_location.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace relais {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPaths = {
    {{"mail_inbox_path", ":INBOX="},
     {"mail_index_path", ":INDEX="},
     {"mail_control_path", ":CONTROL="}}};

bool is_part(std::string_view name) {
    return name == "mail_driver" || name == "mail_path" ||
           std::ranges::any_of(kPaths, [name](const auto& path) { return path.first == name; });
}

}  // namespace

bool DovecotLocation::take(const DovecotSetting& setting) {
    if (!is_part(setting.name)) {
        return false;
    }
    parts_.insert_or_assign(setting.name, setting);
    return true;
}

std::optional<DovecotSetting> DovecotLocation::whole() const {
    auto driver = parts_.find("mail_driver");
    const std::string format = driver == parts_.end() ? "maildir" : driver->second.value;
    auto path = parts_.find("mail_path");
    if (path == parts_.end()) {
        return format == "maildir" ? std::nullopt : std::optional(driver->second);
    }
    DovecotSetting found = path->second;
    found.value = format + ":" + found.value;
    for (const auto& [name, key] : kPaths) {
        auto part = parts_.find(name);
        if (part != parts_.end()) {
            found.value += std::string(key) + part->second.value;
        }
    }
    return found;
}

}  // namespace relais
