#include "lib/sasl/auth_mechanism.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"

namespace relais {

namespace {

struct Option {
    std::string_view name;
    unsigned bit;
};

struct Property {
    std::string_view name;
    bool AuthMechanism::* field;
};

constexpr std::array<Property, 7> kProperties = {{
    {"plaintext", &AuthMechanism::plaintext},
    {"dictionary", &AuthMechanism::dictionary},
    {"active", &AuthMechanism::active},
    {"anonymous", &AuthMechanism::anonymous},
    {"forward-secrecy", &AuthMechanism::forward_secrecy},
    {"mutual-auth", &AuthMechanism::mutual},
    {"private", &AuthMechanism::private_use},
}};

constexpr std::array<Option, 6> kOptions = {{
    {"noplaintext", SaslSecurity::kNoPlaintext},
    {"noactive", SaslSecurity::kNoActive},
    {"nodictionary", SaslSecurity::kNoDictionary},
    {"forward_secrecy", SaslSecurity::kForwardSecrecy},
    {"noanonymous", SaslSecurity::kNoAnonymous},
    {"mutual_auth", SaslSecurity::kMutual},
}};

}  // namespace

AuthMechanism AuthMechanism::parse(const std::vector<std::string>& fields) {
    AuthMechanism mechanism;
    mechanism.name = fields.size() > 1 ? fields[1] : "";
    for (std::size_t i = 2; i < fields.size(); ++i) {
        for (const Property& property : kProperties) {
            mechanism.*property.field |= fields[i] == property.name;
        }
    }
    return mechanism;
}

std::string AuthMechanism::line() const {
    AuthLine line("MECH");
    line.field(name);
    for (const Property& property : kProperties) {
        if (this->*property.field) {
            line.field(property.name);
        }
    }
    return line.finish();
}

Result<SaslSecurity> SaslSecurity::parse(std::string_view text) {
    unsigned bits = 0;
    for (const std::string_view word : split_words(text, ", \t\r\n")) {
        const auto* option = std::ranges::find_if(
            kOptions, [word](const Option& each) { return iequals(each.name, word); });
        if (option == kOptions.end()) {
            return fail(Errc::kSyntax,
                        format("unknown SASL security options value \"{}\" in \"{}\"", word, text));
        }
        bits |= option->bit;
    }
    return SaslSecurity(bits);
}

bool SaslSecurity::allows(const AuthMechanism& mechanism) const {
    const auto wants = [this](Bit bit) { return (bits_ & bit) != 0; };
    const bool barred = (wants(kNoPlaintext) && mechanism.plaintext) ||
                        (wants(kNoAnonymous) && mechanism.anonymous) ||
                        (wants(kNoDictionary) && mechanism.dictionary) ||
                        (wants(kNoActive) && mechanism.active) ||
                        (wants(kForwardSecrecy) && !mechanism.forward_secrecy) ||
                        (wants(kMutual) && !mechanism.mutual);
    return !barred && !mechanism.private_use;
}

}  // namespace relais
