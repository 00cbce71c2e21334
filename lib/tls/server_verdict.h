// Is this the server that was wanted?  What TlsConnectOptions ask for, put into OpenSSL before the
// handshake and judged after it.  Private to lib/tls.
#pragma once

#include <string>

#include "lib/tls/context_state.h"
#include "lib/tls/tls_info.h"
#include "lib/tls/tls_session.h"

namespace relais {

struct WantedServer {
    TlsLevel level = TlsLevel::kMay;  // less than asked for, where DANE cannot be had
    bool impossible = false;          // nobody is good enough
    bool dane = false;
};

// Before the handshake.  What is of no use is logged.
[[nodiscard]] WantedServer prepare_verification(SSL* ssl, const TlsConnectOptions& options);

// After it: fills in what the server is worth, and logs why it is not what was wanted.
void judge_server(SSL* ssl, const TlsConnectOptions& options, const WantedServer& wanted,
                  TlsInfo& info);

// What is wrong with a certificate, and with which one.  It belongs to the session.
struct VerifyError {
    long code = 0;
    int depth = 0;
    X509* certificate = nullptr;
    int limit = 0;  // of chains
};

[[nodiscard]] VerifyError verify_error_of(SSL* ssl);

// In Postfix's words.
void log_verify_error(const VerifyError& error, const std::string& peer);

}  // namespace relais
