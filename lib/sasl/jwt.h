// JSON Web Tokens (RFC 7519) with a signature (RFC 7515): what oauth2: databases look at by
// themselves.  Without I/O; keys come from the caller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/result.h"

namespace relais {

// What a token, or a server that was asked about one, says.
class TokenClaims {
  public:
    TokenClaims() = default;

    // An object of JSON.  kSyntax: it is none.
    [[nodiscard]] static Result<TokenClaims> parse(std::string_view json);

    // The first value; empty where there is none.
    [[nodiscard]] std::string get(std::string_view name) const;
    // All of them.
    [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

  private:
    std::vector<JsonMember> members_;
};

struct Jwt {
    std::string algorithm;  // "HS256"
    std::string key_id;     // empty: none
    TokenClaims claims;
    std::string signed_text;
    std::string signature;  // bytes

    // kSyntax: no token, or of a kind that is not known.
    [[nodiscard]] static Result<Jwt> parse(std::string_view token);

    // `key`: for HS256, HS384 and HS512 the secret in base64; for RS and ES a public key in PEM
    // form. kDenied: the signature is another's; kSyntax: no key for it.
    [[nodiscard]] Result<void> verify(std::string_view key) const;

    // exp, nbf, iat: kDenied when it is not the time.
    [[nodiscard]] Result<void> check_time(std::int64_t now) const;
};

}  // namespace relais
