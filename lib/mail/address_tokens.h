// RFC 5322 tokens of an address or an address header: atoms, quoted strings, comments, domain
// literals and specials, found in hostile text and printed again.  trivial-rewrite works on
// the tokens of one address; address_list.h finds the addresses of a header in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

enum class AddressTokenType : std::uint8_t {
    kAtom,     // text as written
    kQuoted,   // text without the quotes, backslashes as written
    kComment,  // with its parentheses
    kLiteral,  // with its brackets
    kSpecial,  // one of < > , : ; @ . and what else is no atom
};

struct AddressToken {
    AddressTokenType type = AddressTokenType::kAtom;
    std::string text;
    bool blank_before = false;  // white space stood before it

    bool is(char special) const {
        return type == AddressTokenType::kSpecial && text.size() == 1 && text[0] == special;
    }

    bool is_word() const {
        return type == AddressTokenType::kAtom || type == AddressTokenType::kQuoted ||
               type == AddressTokenType::kLiteral;
    }
};

using AddressTokens = std::vector<AddressToken>;

// At most `limit` tokens: the text after them is not looked at (header_address_token_limit).
inline constexpr std::size_t kAddressTokenLimit = 10240;
[[nodiscard]] AddressTokens tokenize_address(std::string_view text,
                                             std::size_t limit = kAddressTokenLimit);

// The address that tokens spell in external form (quoted where it was or has to be) or in internal
// form.  Comments are left out.
[[nodiscard]] std::string external_address(const AddressTokens& tokens);
[[nodiscard]] std::string internal_address(const AddressTokens& tokens);

// All tokens as text, comments too, with blanks where words would run together, before "<" and
// after ",": how Postfix prints what it has tokenized.
enum class TokenForm { kInternal, kExternal };
[[nodiscard]] std::string print_tokens(const AddressTokens& tokens, TokenForm form);

}  // namespace relais
