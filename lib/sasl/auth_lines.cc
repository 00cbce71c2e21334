#include "lib/sasl/auth_lines.h"

#include "lib/base/strings.h"

namespace relais {

std::string auth_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char c : text) {
        switch (c) {
            case '\0':
                out += "\0010";
                break;
            case '\001':
                out += "\0011";
                break;
            case '\t':
                out += "\001t";
                break;
            case '\r':
                out += "\001r";
                break;
            case '\n':
                out += "\001n";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string auth_unescape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\001' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        switch (text[++i]) {
            case '0':
                out += '\0';
                break;
            case '1':
                out += '\001';
                break;
            case 't':
                out += '\t';
                break;
            case 'r':
                out += '\r';
                break;
            case 'n':
                out += '\n';
                break;
            default:
                out += text[i];
        }
    }
    return out;
}

std::vector<std::string> parse_auth_line(std::string_view line) {
    std::vector<std::string> fields;
    for (std::string_view field : split_fields(line, '\t')) {
        fields.push_back(auth_unescape(field));
    }
    return fields;
}

AuthLine& AuthLine::field(std::string_view text) {
    text_ += '\t';
    text_ += auth_escape(text);
    return *this;
}

AuthLine& AuthLine::field(std::string_view name, std::string_view value) {
    text_ += '\t';
    text_ += name;
    text_ += '=';
    text_ += auth_escape(value);
    return *this;
}

AuthParameters::AuthParameters(const std::vector<std::string>& fields, std::size_t first) {
    for (std::size_t i = first; i < fields.size(); ++i) {
        auto parts = split_first(fields[i], '=');
        if (parts) {
            values_.emplace_back(parts->first, parts->second);
        } else {
            values_.emplace_back(fields[i], "");
        }
    }
}

bool AuthParameters::has(std::string_view name) const {
    for (const auto& [key, value] : values_) {
        if (key == name) {
            return true;
        }
    }
    return false;
}

std::string_view AuthParameters::get(std::string_view name) const {
    for (const auto& [key, value] : values_) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

void AuthParameters::set(std::string_view name, std::string_view value) {
    for (auto& [key, old] : values_) {
        if (key == name) {
            old = value;
            return;
        }
    }
    values_.emplace_back(name, value);
}

}  // namespace relais
