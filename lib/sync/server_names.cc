#include "lib/sync/server_names.h"

#include "lib/base/strings.h"
#include "lib/imap/utf7.h"
#include "lib/store/mailbox_name.h"

namespace relais {

// Levels are joined by dots here: a dot in a level becomes something else.
std::string ServerNames::add(std::string_view theirs, char separator, const std::string& known_as) {
    std::string name(theirs);
    name = separator == '\0' ? name : canonical_mailbox(name, separator);
    if (iequals(name, "INBOX")) {
        name = "INBOX";
    }
    if (!imap::utf7_to_utf8(name)) {
        name = imap::utf8_to_utf7(name).value_or(name);
    }
    for (char& c : name) {
        bool level = c == separator && separator != '\0';
        c = level ? '.' : c == '.' ? '_' : c;
    }
    while (there_.contains(name) && there_[name] != known_as) {
        name += '_';
    }
    there_[name] = known_as;
    return name;
}

std::optional<std::string> ServerNames::find(const std::string& ours) const {
    auto found = there_.find(ours);
    return found == there_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace relais
