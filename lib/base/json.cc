#include "lib/base/json.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/hex.h"

namespace relais {

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += format("\\u{:04X}", int{byte});
        } else {
            out += c;
        }
    }
    return out + "\"";
}

namespace {

constexpr int kMostDepth = 32;

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned kFirst[] = {0, 0xc0, 0xe0, 0xf0};
    out += static_cast<char>(kFirst[more] | (code >> (6 * more)));
    while (more-- > 0) {
        out += static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f));
    }
}

class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : text_(text) {}

    // `members`: of the outermost object.
    bool object(std::vector<JsonMember>* members, int depth);
    bool value(std::vector<std::string>* values, int depth);

    bool at_end() {
        blanks();
        return text_.empty();
    }

  private:
    void blanks() {
        text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
    }

    bool take(char c) {
        blanks();
        bool there = text_.starts_with(c);
        text_.remove_prefix(there ? 1 : 0);
        return there;
    }

    bool string(std::string& out);
    bool escape(std::string& out);
    std::optional<unsigned> code_unit();
    bool array(std::vector<std::string>* values, int depth);
    bool scalar(std::vector<std::string>* values);

    std::string_view text_;
};

// Behind "\u".
std::optional<unsigned> JsonReader::code_unit() {
    auto bytes = text_.size() < 4 ? std::nullopt : hex_decode(text_.substr(0, 4));
    if (!bytes) {
        return std::nullopt;
    }
    text_.remove_prefix(4);
    return (static_cast<unsigned char>((*bytes)[0]) << 8U) |
           static_cast<unsigned char>((*bytes)[1]);
}

// Behind the backslash.
bool JsonReader::escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    char letter = text_.empty() ? '\0' : text_.front();
    text_.remove_prefix(text_.empty() ? 0 : 1);
    if (auto at = kLetters.find(letter); at != std::string_view::npos) {
        out += kMeant[at];
        return true;
    }
    auto code = letter == 'u' ? code_unit() : std::nullopt;
    if (code && *code >= 0xd800 && *code < 0xdc00 && text_.starts_with("\\u")) {
        text_.remove_prefix(2);
        auto low = code_unit();
        bool fits = low && *low >= 0xdc00 && *low < 0xe000;
        code = fits ? std::optional(0x10000 + ((*code - 0xd800) << 10U) + (*low - 0xdc00))
                    : std::nullopt;
    }
    if (!code || (*code >= 0xd800 && *code < 0xe000)) {
        return false;
    }
    append_utf8(out, *code);
    return true;
}

bool JsonReader::string(std::string& out) {
    if (!take('"')) {
        return false;
    }
    while (!text_.empty()) {
        char c = text_.front();
        text_.remove_prefix(1);
        if (c == '"') {
            return true;
        }
        if (static_cast<unsigned char>(c) < 0x20 || (c == '\\' && !escape(out))) {
            return false;
        }
        if (c != '\\') {
            out += c;
        }
    }
    return false;
}

// A number, true, false or null.
bool JsonReader::scalar(std::vector<std::string>* values) {
    auto end = std::min(text_.find_first_of(" \t\r\n,]}"), text_.size());
    std::string_view word = text_.substr(0, end);
    bool number = !word.empty() && word.find_first_not_of("0123456789+-.eE") == word.npos;
    if (!number && word != "true" && word != "false" && word != "null") {
        return false;
    }
    text_.remove_prefix(end);
    if (values != nullptr && word != "null") {
        values->emplace_back(word);
    }
    return true;
}

bool JsonReader::array(std::vector<std::string>* values, int depth) {
    if (!take('[')) {
        return false;
    }
    if (take(']')) {
        return true;
    }
    do {
        if (!value(values, depth)) {
            return false;
        }
    } while (take(','));
    return take(']');
}

bool JsonReader::value(std::vector<std::string>* values, int depth) {
    blanks();
    char first = text_.empty() || depth > kMostDepth ? '\0' : text_.front();
    if (first == '"') {
        std::string text;
        bool good = string(text);
        if (good && values != nullptr) {
            values->push_back(std::move(text));
        }
        return good;
    }
    return first == '{'   ? object(nullptr, depth + 1)
           : first == '[' ? array(values, depth + 1)
                          : first != '\0' && scalar(values);
}

bool JsonReader::object(std::vector<JsonMember>* members, int depth) {
    if (!take('{')) {
        return false;
    }
    if (take('}')) {
        return true;
    }
    do {
        JsonMember member;
        if (!string(member.name) || !take(':') ||
            !value(members != nullptr ? &member.values : nullptr, depth)) {
            return false;
        }
        if (members != nullptr) {
            members->push_back(std::move(member));
        }
    } while (take(','));
    return take('}');
}

}  // namespace

std::optional<std::vector<JsonMember>> parse_json_object(std::string_view text) {
    std::vector<JsonMember> members;
    JsonReader reader(text);
    if (!reader.object(&members, 0) || !reader.at_end()) {
        return std::nullopt;
    }
    return members;
}

}  // namespace relais
