#include "smtp/delivery_flags.h"

#include "lib/base/log.h"
#include "lib/deliver/message_copy.h"

namespace relais::smtp_client {

static void add_flag(DeliveryFlags& flags, char letter, std::string_view all) {
    switch (letter) {
        case 'D':
            flags.delivered_to = true;
            break;
        case 'O':
            flags.original_to = true;
            break;
        case 'R':
            flags.return_path = true;
            break;
        case 'X':
            flags.final_hop = true;
            break;
        default:
            log_fatal("unknown flags={} value \"{}\" in \"{}\"", all, letter, all);
    }
}

DeliveryFlags parse_delivery_flags(const std::vector<std::string>& arguments, bool assume_final) {
    constexpr std::string_view kFlags = "flags=";
    DeliveryFlags flags;
    if (assume_final) {
        log_warning("lmtp_assume_final is obsolete; instead, specify \"flags=X\" in master.cf");
        add_flag(flags, 'X', "X");
    }
    for (const std::string& argument : arguments) {
        if (!argument.starts_with(kFlags)) {
            log_fatal("unknown attribute name: {}", argument);
        }
        const std::string letters = argument.substr(kFlags.size());
        for (char letter : letters) {
            add_flag(flags, letter, letters);
        }
    }
    return flags;
}

std::string delivery_headers(const DeliveryFlags& flags, const DeliveryRequest& request) {
    const Recipient& recipient = request.recipients.front();
    MessageCopy copy;
    copy.additions = flags.return_path ? copy_addition::kReturnPath : 0;
    copy.sender = request.sender;
    copy.original_to = flags.original_to ? recipient.original : "";
    copy.delivered_to = flags.delivered_to ? recipient.address : "";
    return last_hop_headers(copy);
}

}  // namespace relais::smtp_client
