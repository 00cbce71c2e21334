#include "lib/store/subscriptions.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/strings.h"

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
        if (line.empty() || header) {
            header = false;
            continue;
        }
        if (list.version_ == 1) {
            list.add(line);
            continue;
        }
        std::string name;
        for (std::string_view level : split_fields(line, '\t')) {
            name += (name.empty() ? "" : std::string(1, separator)) + unescape(level);
        }
        list.add(name);
    }
    return list;
}

bool Subscriptions::contains(std::string_view name) const {
    return std::ranges::find(names_, name) != names_.end();
}

bool Subscriptions::add(std::string_view name) {
    if (contains(name)) {
        return false;
    }
    names_.emplace_back(name);
    return true;
}

bool Subscriptions::remove(std::string_view name) {
    return std::erase(names_, name) > 0;
}

Result<void> Subscriptions::save(const std::string& root, unsigned mode) const {
    std::string text = version_ == 2 ? std::string(kVersion2) : "";
    for (const std::string& name : names_) {
        if (version_ == 1) {
            text += name;
        } else {
            char before = '\0';
            for (std::string_view level : split_fields(name, separator_)) {
                if (before != '\0') {
                    text += before;
                }
                text += escape(level);
                before = '\t';
            }
        }
        text += '\n';
    }
    return replace_file(root + "/" + std::string(kFileName), text, mode);
}

}  // namespace relais
