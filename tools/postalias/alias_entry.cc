#include "tools/postalias/alias_entry.h"

#include <algorithm>

#include "lib/mail/address_tokens.h"

namespace relais {

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
    return AliasEntry{print_tokens(name, TokenForm::kInternal),
                      print_tokens(value, TokenForm::kExternal)};
}

}  // namespace relais
