// What a login server says about its mechanisms, and what an administrator wants of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct AuthMechanism {
    std::string name;
    bool plaintext = false;
    bool dictionary = false;
    bool active = false;
    bool anonymous = false;
    bool forward_secrecy = false;
    bool mutual = false;
    bool private_use = false;  // not to be offered to clients

    // From and to the fields of a MECH line (auth_lines.h).
    [[nodiscard]] static AuthMechanism parse(const std::vector<std::string>& fields);
    [[nodiscard]] std::string line() const;
};

// smtpd_sasl_security_options and its like.
class SaslSecurity {
  public:
    SaslSecurity() = default;

    // "noplaintext, noanonymous": words as Postfix knows them; an unknown one is an error.
    [[nodiscard]] static Result<SaslSecurity> parse(std::string_view text);

    [[nodiscard]] bool allows(const AuthMechanism& mechanism) const;

    // The words again, as a number that from_bits() understands.
    unsigned bits() const { return bits_; }

    static SaslSecurity from_bits(unsigned bits) { return SaslSecurity(bits); }

    enum Bit : unsigned {
        kNoPlaintext = 1,
        kNoActive = 2,
        kNoDictionary = 4,
        kForwardSecrecy = 8,
        kNoAnonymous = 16,
        kMutual = 32,
    };

  private:
    explicit SaslSecurity(unsigned bits) : bits_(bits) {}

    unsigned bits_ = 0;
};

}  // namespace relais
