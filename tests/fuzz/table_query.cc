// Fuzz target: templates of SQL and LDAP tables.  The input is a template, a newline, and a key (or
// a key, a newline, and a value).  Whatever the key is, it must stay where the template has it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/maps/databases/key_template.h"
#include "lib/maps/databases/ldap_quote.h"

namespace {

using relais::KeyTemplates;

void insist(bool condition) {
    if (!condition) {
        std::abort();
    }
}

int digit(char c) {
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

// What a server makes of the escaped text.
std::string plain(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        insist(i + 2 < text.size());
        out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    return out;
}

void quote(std::string_view text) {
    std::string filter;
    std::string name;
    insist(relais::quote_ldap_filter(text, filter) && relais::quote_ldap_name(text, name));
    insist(plain(filter) == text && plain(name) == text);
    insist(filter.find_first_of(std::string_view("*()\0", 4)) == std::string::npos);
    insist(name.find_first_of(std::string_view(",+\"<>;=\0", 8)) == std::string::npos);
}

// A part of the key is between the marks of its quoting function, or is nowhere.
void expand(std::string_view text, std::string_view key) {
    KeyTemplates templates("fuzz", "fuzz:x");
    if (!templates.inspect(text, KeyTemplates::Use::kQuery) || key.empty()) {
        return;
    }
    std::size_t parts = 0;
    std::size_t bytes = 0;
    auto count = [&](std::string_view part, std::string& out) {
        ++parts;
        bytes += part.size();
        insist(part.empty() || key.contains(part));
        out += part;
        return true;
    };
    auto query = templates.query(text, key, count);
    insist(!query || query->size() <= text.size() + bytes);
    insist(!query || parts <= text.size() / 2);
}

void collect(std::string_view text, std::string_view value) {
    KeyTemplates templates("fuzz", "fuzz:x");
    if (!templates.inspect(text, KeyTemplates::Use::kResult) || value.empty()) {
        return;
    }
    std::string result = "first";
    bool added = templates.add_result(text, value, "key@a.b.c.test", result);
    insist(added == result.starts_with("first,") && (added || result == "first"));
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    quote(text);
    if (auto halves = relais::split_first(text, '\n')) {
        expand(halves->first, halves->second);
        collect(halves->first, halves->second);
    }
    return 0;
}
