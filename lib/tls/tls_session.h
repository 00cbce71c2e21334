// Puts TLS under a Stream: the handshake as server or as client, and what came of it.
//
//   auto tls = co_await tls_accept(&stream, context, options);
//   if (!tls) -> the session is over (already logged)
//
// Input that arrived before the handshake is thrown away, so nothing that was sent in the clear can
// pass for protected.  A failed handshake leaves the stream unusable.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_info.h"
#include "lib/tls/tls_options.h"

namespace relais {

struct TlsAcceptOptions {
    TlsAcceptOptions() = default;

    std::string peer;  // "name[address]", for the log
    std::chrono::milliseconds timeout = std::chrono::seconds(300);
};

struct TlsConnectOptions {
    TlsConnectOptions() = default;

    std::string peer;         // "host[address]:port", for the log
    std::string server_name;  // SNI; empty: none
    std::string session_key;  // what a session may be resumed for; empty: no resumption
    TlsLevel level = TlsLevel::kMay;
    // Names, ".domain" patterns (verify, secure) or fingerprints (fingerprint).
    std::vector<std::string> match;
    std::string protocols = ">=TLSv1";
    std::string cipher_grade = "medium";
    std::string exclude_ciphers;
    std::chrono::milliseconds timeout = std::chrono::seconds(300);
};

// Errors: kTemporary for a handshake that failed or took too long (logged as Postfix does),
// kSyntax for options that make no sense.  Cancelled is thrown.
[[nodiscard]] Task<Result<TlsInfo>> tls_accept(Stream* stream, TlsContext* context,
                                               TlsAcceptOptions options);

// The result may be less than `level` asks for: compare info.trust, kVerified from fingerprint on.
[[nodiscard]] Task<Result<TlsInfo>> tls_connect(Stream* stream, TlsContext* context,
                                                TlsConnectOptions options);

}  // namespace relais
