#include "tools/postalias/alias_entry.h"

#include <algorithm>

#include "lib/mail/address_tokens.h"

namespace relais {

namespace {

enum class Spelling { kName, kValue };

// The text of a token without the backslashes that quoting put there.
std::string bare_text(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
        }
        out += text[i];
    }
    return out;
}

std::string quoted_text(std::string_view text) {
    std::string out = "\"";
    for (char c : bare_text(text)) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + '"';
}

// Words stand apart from words, and "<" from what is before it.
bool stands_apart(const AddressToken& before, const AddressToken& token) {
    auto is_wordy = [](const AddressToken& t) {
        return t.is_word() || t.type == AddressTokenType::kComment;
    };
    if (before.is(',')) {
        return false;  // the comma brings its own blank
    }
    return token.is('<') || (is_wordy(before) && is_wordy(token));
}

std::string spell(const AddressTokens& tokens, Spelling spelling) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const AddressToken& token = tokens[i];
        if (i > 0 && stands_apart(tokens[i - 1], token)) {
            out += ' ';
        }
        if (token.type == AddressTokenType::kQuoted) {
            out += spelling == Spelling::kName ? bare_text(token.text) : quoted_text(token.text);
        } else {
            out += token.text;
        }
        if (token.is(',')) {
            out += ' ';
        }
    }
    return out;
}

}  // namespace

Result<AliasEntry> parse_alias(std::string_view line) {
    auto tokens = tokenize_address(line, line.size() + 1);
    auto colon = std::ranges::find_if(tokens, [](const AddressToken& t) { return t.is(':'); });
    if (colon == tokens.begin() || colon == tokens.end() || colon + 1 == tokens.end()) {
        return fail(Errc::kSyntax, "need name:value pair");
    }
    auto is_remote = [](const AddressToken& t) { return t.is('@') || t.is('%'); };
    if (std::find_if(tokens.begin(), colon, is_remote) != colon) {
        return fail(Errc::kSyntax, "name must be local");
    }
    AddressTokens name(tokens.begin(), colon);
    AddressTokens value(colon + 1, tokens.end());
    return AliasEntry{spell(name, Spelling::kName), spell(value, Spelling::kValue)};
}

}  // namespace relais
