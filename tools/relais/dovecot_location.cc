#include "tools/relais/dovecot_location.h"

#include <algorithm>
#include <array>
#include <utility>

namespace relais {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kParts = {
    {{"mail_inbox_path", ":INBOX="},
     {"mail_index_path", ":INDEX="},
     {"mail_control_path", ":CONTROL="},
     {"mailbox_list_layout", ":LAYOUT="},
     {"mailbox_subscriptions_filename", ":SUBSCRIPTIONS="}}};
constexpr std::string_view kUtf8 = "mailbox_list_utf8";

}  // namespace

bool DovecotLocation::is_part(std::string_view name) {
    return name == "mail_driver" || name == "mail_path" || name == kUtf8 ||
           std::ranges::any_of(kParts, [name](const auto& part) { return part.first == name; });
}

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
    for (const auto& [name, key] : kParts) {
        auto part = parts_.find(name);
        if (part != parts_.end()) {
            found.value += std::string(key) + part->second.value;
        }
    }
    auto utf8 = parts_.find(kUtf8);
    found.value += utf8 != parts_.end() && utf8->second.value == "yes" ? ":UTF-8" : "";
    return found;
}

}  // namespace relais
