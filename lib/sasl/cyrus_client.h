// Logins to other servers over libsasl2 (smtp_sasl_type = cyrus), for a worker process: the library
// runs plug-ins, some of which ask others (Kerberos, a web service for tokens) and take their time,
// and it reads what a server says.
//
// It speaks the Dovecot auth protocol's lines with the sides exchanged: AUTH has the fields of a
// CyrusLogin; CONT answers with what goes to the server, "MECHANISM" or "MECHANISM response" first
// and responses then; CONT asks with the server's challenge; FAIL says why it does not go on.
// Challenges and responses are in base64.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

class CyrusConversation;  // cyrus_library.h

struct CyrusLogin {
    std::string service;     // "smtp", "lmtp"
    std::string host;        // the server
    unsigned security = 0;   // SaslSecurity's bits
    std::string mechanisms;  // with blanks between
    std::string user, password;
    bool send_authorization = false;  // the name also as the one to act for
    std::string token_mechanisms;     // of these, those for which the password is a token

    // The fields of AUTH behind its id.
    [[nodiscard]] std::vector<std::string> fields() const;
};

// Loads the library's plug-ins; once in a process.
[[nodiscard]] Result<void> cyrus_client_open(const std::string& config_path);

// What a server asks in a reply with 334 in `text` (RFC 4954 4): what stands behind the code.
[[nodiscard]] std::string_view sasl_challenge(std::string_view text);

// One side of the protocol above, for tests; cyrus_client_open() comes first.
[[nodiscard]] std::unique_ptr<CyrusConversation> cyrus_client_conversation();

// Serves one client as cyrus_serve() does.
void cyrus_client_serve(int fd, std::size_t longest_line, std::chrono::seconds step_time);

}  // namespace relais
