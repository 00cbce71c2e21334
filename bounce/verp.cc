#include "bounce/verp.h"

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"

namespace relais::bounce {

std::string verp_address(std::string_view sender, const LogEntry& entry,
                         std::string_view delimiters) {
    std::string recipient =
        unquote_address(entry.original.empty() ? entry.address : entry.original);
    AddressParts from = split_address(sender);
    AddressParts to = split_address(recipient);
    std::string out = format("{}{}{}", from.local, delimiters[0], to.local);
    if (to.has_domain) {
        out += delimiters[1];
        out += to.domain;
    }
    if (from.has_domain) {
        (out += '@') += from.domain;
    }
    return out;
}

bool valid_verp_delimiters(std::string_view delimiters) {
    return delimiters.size() == 2 &&
           delimiters.find_first_not_of(conf().verp_delimiter_filter()) == std::string_view::npos;
}

}  // namespace relais::bounce
