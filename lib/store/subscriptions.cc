#include "lib/store/subscriptions.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/tab_escape.h"

namespace relais {

namespace {

constexpr std::string_view kVersion2 = "V\t2\n\n";

}  // namespace

Result<Subscriptions> Subscriptions::load(const std::string& path, const DiskNames& names) {
    Subscriptions list;
    list.names_ = names;
    auto text = read_file(path, 16 << 20);
    if (!text) {
        if (text.error().sys_errno == ENOENT) {
            return list;
        }
        return fail_with(text);
    }
    list.version_ = text->starts_with("V\t2\n") ? 2 : 1;
    bool header = list.version_ == 2;
    for (std::string_view line : split_fields(*text, '\n')) {
        line = trim_right(line, "\r");
        if (!line.empty() && !header) {
            list.lines_.push_back({std::string(line), list.name_in(line)});
        }
        header = false;
    }
    return list;
}

std::optional<std::string> Subscriptions::name_in(std::string_view line) const {
    if (version_ == 1) {
        return mailbox_from_disk(line, names_);
    }
    std::vector<std::string> levels;
    for (std::string_view level : split_fields(line, '\t')) {
        levels.push_back(tab_unescape(level));
    }
    return mailbox_from_disk(join(levels, std::string(1, names_.on_disk)), names_);
}

std::string Subscriptions::line_of(std::string_view name, const DiskNames& names) const {
    const std::string text = mailbox_to_disk(name, names);
    if (version_ == 1) {
        return text;
    }
    std::vector<std::string> levels;
    for (std::string_view level : split_fields(text, names.on_disk)) {
        levels.push_back(tab_escape(level));
    }
    return join(levels, "\t");
}

std::vector<std::string> Subscriptions::names() const {
    std::vector<std::string> names;
    for (const Line& line : lines_) {
        if (line.name) {
            names.push_back(*line.name);
        }
    }
    return names;
}

bool Subscriptions::contains(std::string_view name) const {
    return std::ranges::any_of(lines_, [name](const Line& line) { return line.name == name; });
}

bool Subscriptions::add(std::string_view name, Namespace in) {
    if (contains(name)) {
        return false;
    }
    DiskNames names = names_;
    names.separator = in == Namespace::kOwn ? names.separator : names.on_disk;
    lines_.push_back({line_of(name, names), std::string(name)});
    return true;
}

bool Subscriptions::remove(std::string_view name) {
    return std::erase_if(lines_, [name](const Line& line) { return line.name == name; }) > 0;
}

Result<void> Subscriptions::save(const std::string& path, unsigned mode) const {
    std::string text = version_ == 2 ? std::string(kVersion2) : "";
    for (const Line& line : lines_) {
        text += line.text + '\n';
    }
    return replace_file(path, text, mode);
}

}  // namespace relais
