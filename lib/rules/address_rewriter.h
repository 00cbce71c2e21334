// Puts addresses into standard form: what trivial-rewrite(8) does for "rewrite" requests.  Only
// main.cf decides, no table, so whoever has the configuration can do it without asking.
#pragma once

#include <string>
#include <string_view>

#include "lib/mail/address_tokens.h"

namespace relais {

class AddressRewriter {
  public:
    // What is appended to addresses that lack it.  For mail of our own ("local") that is myorigin
    // and mydomain, for headers of other mail ("remote") remote_header_rewrite_domain.
    static AddressRewriter local();
    static AddressRewriter remote();

    // `address` in external (quoted) form, and so is the result.
    std::string rewrite(std::string_view address) const;

    // The same on the tokens of an address:
    //   @route:user@domain -> user@domain    site!user -> user@site (swap_bangpath)
    //   user%domain -> user@domain (allow_percent_hack)
    //   user -> user@origin (append_at_myorigin)
    //   user@host -> user@host.domain (append_dot_mydomain)    user@domain. -> user@domain
    void rewrite_tokens(AddressTokens& tokens) const;

  private:
    AddressRewriter(std::string_view origin, std::string_view domain);

    void complete_domain(AddressTokens& tokens) const;

    void append_domain(AddressTokens& tokens, AddressTokens::const_iterator at) const;

    AddressTokens origin_;
    AddressTokens domain_;
    bool says_so_ = false;             // appending domain_ is an old default
    bool localhost_is_known_ = false;  // as a domain, while says_so_
};

// Places in a list of tokens, for those who work on them.
[[nodiscard]] AddressTokens::iterator first_special(AddressTokens& tokens, char special);
// end() where there is none.
[[nodiscard]] AddressTokens::iterator last_special(AddressTokens& tokens, char special);
// Drops one dot that ends the domain; leaves ".." and "@." as the mistakes that they are.
void strip_final_dot(AddressTokens& tokens);

}  // namespace relais
