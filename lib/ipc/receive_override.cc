#include "lib/ipc/receive_override.h"

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/cleanup_client.h"

namespace relais {

ReceiveOverride receive_override() {
    ReceiveOverride result;
    for (const auto word : split_words(conf().receive_override_options(), ", \t\r\n")) {
        if (iequals(word, "no_header_body_checks")) {
            result.cleanup_flags |= kCleanupFilter;
        } else if (iequals(word, "no_address_mappings")) {
            result.cleanup_flags |= unsigned{kCleanupBcc} | unsigned{kCleanupMap};
        } else if (iequals(word, "no_milters")) {
            result.cleanup_flags |= kCleanupMilter;
            result.no_milters = true;
        } else if (iequals(word, "no_unknown_recipient_checks")) {
            result.no_unknown_recipients = true;
        } else {
            result.unknown.emplace_back(word);
        }
    }
    return result;
}

}  // namespace relais
