#include "imapd/imap/acl_letters.h"

#include "lib/base/format.h"

namespace relais {

namespace {

using Kind = AclIdentifier::Kind;

constexpr std::string_view kGroup = "$";
constexpr std::string_view kGroupOverride = "!$";

}  // namespace

std::string acl_letters(AclRights rights) {
    std::string text = rights.letters();
    text += rights.has_one_of(AclRights::of("kx")) ? "c" : "";
    text += rights.has_one_of(AclRights::of("te")) ? "d" : "";
    return text.empty() ? "\"\"" : text;
}

std::optional<AclRights> parse_acl_letters(std::string_view letters) {
    AclRights rights;
    for (char letter : letters) {
        auto one = letter == 'c'   ? std::optional(AclRights::of("kx"))
                   : letter == 'd' ? std::optional(AclRights::of("et"))
                                   : AclRights::parse({&letter, 1});
        if (!one) {
            return std::nullopt;
        }
        rights = rights | *one;
    }
    return rights;
}

std::string acl_identifier_text(const AclIdentifier& identifier) {
    switch (identifier.kind) {
        case Kind::kUser:
            return identifier.name;
        case Kind::kGroup:
            return std::string(kGroup) + identifier.name;
        case Kind::kGroupOverride:
            return std::string(kGroupOverride) + identifier.name;
        default:
            return identifier.to_string();
    }
}

AclIdentifier parse_acl_identifier(std::string_view text) {
    if (text == "anyone" || text == "authenticated" || text == "owner") {
        return *AclIdentifier::parse(text);
    }
    for (auto [prefix, kind] :
         {std::pair(kGroupOverride, Kind::kGroupOverride), std::pair(kGroup, Kind::kGroup)}) {
        if (text.starts_with(prefix)) {
            return {kind, std::string(text.substr(prefix.size()))};
        }
    }
    return {Kind::kUser, std::string(text)};
}

std::string myrights_line(const Session& session, std::string_view name, AclRights rights) {
    std::string line = "* MYRIGHTS ";
    session.append_name(line, name);
    return line + " " + acl_letters(rights) + "\r\n";
}

}  // namespace relais
