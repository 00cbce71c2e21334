#include "lib/smtp/ehlo_keywords.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::smtp {

namespace {

struct KeywordName {
    std::string_view name;
    unsigned bit;
};

// In the order of the log.
constexpr std::array<KeywordName, 16> kKeywords = {{
    {"8bitmime", kEhlo8bitmime},
    {"auth", kEhloAuth},
    {"etrn", kEhloEtrn},
    {"pipelining", kEhloPipelining},
    {"size", kEhloSize},
    {"verp", kEhloVerp},
    {"vrfy", kEhloVrfy},
    {"xclient", kEhloXclient},
    {"xforward", kEhloXforward},
    {"starttls", kEhloStarttls},
    {"enhancedstatuscodes", kEhloEnhancedStatusCodes},
    {"dsn", kEhloDsn},
    {"smtputf8", kEhloSmtputf8},
    {"chunking", kEhloChunking},
    {"requiretls", kEhloRequireTls},
    {"silent-discard", kEhloSilentDiscard},
}};

}  // namespace

unsigned parse_ehlo_keywords(std::string_view text) {
    unsigned set = 0;
    for (const auto word : split_words(text, ", \t\r\n")) {
        const auto* known = std::ranges::find_if(
            kKeywords, [word](const KeywordName& k) { return iequals(k.name, word); });
        if (known == kKeywords.end()) {
            log_warning("unknown EHLO keyword \"{}\" in \"{}\"", word, text);
        } else {
            set |= known->bit;
        }
    }
    return set;
}

std::string format_ehlo_keywords(unsigned keywords) {
    std::string out;
    for (const auto& keyword : kKeywords) {
        if ((keywords & keyword.bit) != 0 && keyword.bit != kEhloSilentDiscard) {
            out += out.empty() ? "" : " ";
            out += uppercase(keyword.name);
        }
    }
    return out;
}

}  // namespace relais::smtp
