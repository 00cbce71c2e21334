#include "lib/store/subscriptions.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/mailbox_name.h"

namespace relais {

namespace {

constexpr std::string_view kVersion2 = "V\t2\n\n";

// Tabs separate; what would be one in a name, and line ends, are escaped with byte 1.
std::string escape(std::string_view level) {
    std::string out;
    for (char c : level) {
        if (c == '\001') {
            out += "\0011";
        } else if (c == '\t') {
            out += "\001t";
        } else if (c == '\n') {
            out += "\001n";
        } else if (c == '\r') {
            out += "\001r";
        } else {
            out += c;
        }
    }
    return out;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\001' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        char c = text[++i];
        out += c == '1' ? '\001' : c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
    }
    return out;
}

}  // namespace

Result<Subscriptions> Subscriptions::load(const std::string& root, char separator) {
    Subscriptions list;
    list.separator_ = separator;
    auto text = read_file(root + "/" + std::string(kFileName), 16 << 20);
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
        return mailbox_from_disk(line, separator_);
    }
    std::vector<std::string> levels;
    for (std::string_view level : split_fields(line, '\t')) {
        levels.push_back(unescape(level));
    }
    return mailbox_from_disk(join(levels, "."), separator_);
}

std::string Subscriptions::line_of(std::string_view name) const {
    if (version_ == 1) {
        return mailbox_to_disk(name, separator_);
    }
    std::vector<std::string> levels;
    for (std::string_view level : split_fields(name, separator_)) {
        levels.push_back(escape(level));
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

bool Subscriptions::add(std::string_view name) {
    if (contains(name)) {
        return false;
    }
    lines_.push_back({line_of(name), std::string(name)});
    return true;
}

bool Subscriptions::remove(std::string_view name) {
    return std::erase_if(lines_, [name](const Line& line) { return line.name == name; }) > 0;
}

Result<void> Subscriptions::save(const std::string& root, unsigned mode) const {
    std::string text = version_ == 2 ? std::string(kVersion2) : "";
    for (const Line& line : lines_) {
        text += line.text + '\n';
    }
    return replace_file(root + "/" + std::string(kFileName), text, mode);
}

}  // namespace relais
