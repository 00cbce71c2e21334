// What a message needs on its way: the last number of the size record, and the attribute of the
// same name in requests to delivery agents and the bounce service ("smtputf8" before Postfix 3.10).
#pragma once

namespace relais {

enum SendOption : int {
    kUtf8Requested = 1,    // RFC 6531: by the client, or found by cleanup
    kUtf8Header = 2,       // a header is not ASCII
    kUtf8Sender = 4,       // the sender is not
    kUtf8Recipient = 8,    // a recipient of this delivery is not
    kTlsNotRequired = 16,  // RFC 8689: header "TLS-Required: no"
    kRequireTls = 32,      // RFC 8689: REQUIRETLS
};

// With kUtf8Requested: the next server must speak SMTPUTF8, too.
inline constexpr int kUtf8Needed = kUtf8Header | kUtf8Sender | kUtf8Recipient;

}  // namespace relais
