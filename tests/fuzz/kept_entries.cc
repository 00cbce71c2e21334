// Fuzz target: what daemons keep in tables and files of their own and read again, perhaps as
// another machine or an older release has written it: probes of addresses, refused logins,
// passwords found right elsewhere; lines of the log.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/access/annotations.h"
#include "lib/access/login_inquiry.h"
#include "lib/ipc/tlsmgr_client.h"

#include "imapd/auth/database.h"
#include "imapd/auth/shared_passwords.h"
#include "services/verify/address_cache.cc"  // NOLINT: programs' sources are in no archive
#include "smtp/refused_logins.cc"            // NOLINT
#include "tests/fuzz/support/conversation.h"
#include "tools/postfix-collate/log_line.cc"  // NOLINT

using namespace relais;

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto entry = verify::parse_entry(text)) {
        auto again = verify::parse_entry(verify::format_entry(*entry));
        if (!again || again->text != entry->text || again->probed != entry->probed) {
            std::abort();
        }
    }
    (void)smtp_client::parse_refused_login(text);
    (void)RightPassword::parse(text);
    (void)AuthAnswer::parse(text);
    AuthQuery query;
    query.user = text;
    if (AuthQuery::parse(query.serialize()).user != text) {
        std::abort();
    }
    (void)LoginTicket::parse(text);
    (void)decode_ticket_key(text);
    (void)Annotations::parse_key(text);
    if (auto line = parse_collated_line(text); line && line->text.size() > text.size()) {
        std::abort();
    }
    return 0;
}
