// Puts TLS under a Stream: the handshake as server or as client, and what came of it.
//
//   auto tls = co_await tls_accept(&stream, context, options);
//   if (!tls) -> the session is over (already logged)
//
// Input that arrived before the handshake is thrown away, so nothing that was sent in the clear can
// pass for protected.  A failed handshake leaves the stream unusable.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_info.h"
#include "lib/tls/tls_options.h"

namespace relais {

// Where a server's sessions are kept for clients that resume them by id.
class TlsSessionStore {
  public:
    virtual ~TlsSessionStore() = default;
    // For the log.
    virtual std::string_view name() const = 0;
    // False: nothing is kept just now.
    virtual bool is_open() const = 0;
    // Empty: there is no such session, or nobody answers in time.
    [[nodiscard]] virtual Task<std::string> find(std::string name) = 0;
    [[nodiscard]] virtual Task<void> put(std::string name, std::string session) = 0;
    [[nodiscard]] virtual Task<void> remove(std::string name) = 0;
};

struct TlsAcceptOptions {
    TlsAcceptOptions() = default;

    std::string peer;  // "name[address]", for the log
    // Whose connection it is where another process asked for TLS: a handshake that fails is then
    // logged in tlsproxy's words.
    std::string service;
    std::chrono::milliseconds timeout = std::chrono::seconds(300);
    // The keys and certificates for the name that the client asks for, in the form of chain files;
    // nothing: those of the context.  An error, with its text for the log, fails the handshake.
    using Chain = Result<std::optional<std::string>>;
    std::function<Task<Chain>(std::string name)> chain_for;
    // Null: none.  It must outlive the handshake.  `session_service`: sessions of one service are
    // not resumed by another.
    TlsSessionStore* sessions = nullptr;
    std::string session_service;
    bool binds_channel = false;  // TlsInfo's bindings are wanted
};

struct TlsConnectOptions {
    TlsConnectOptions() = default;

    // "... TLS connection established to ...", which the caller may have his own place for.
    bool tells_result = true;

    std::string peer;         // "host[address]:port", for the log
    std::string server_name;  // SNI; empty: none
    std::string session_key;  // what a session may be resumed for; empty: no resumption
    TlsLevel level = TlsLevel::kMay;
    // Names, ".domain" patterns (verify, secure) or fingerprints (fingerprint).  With DANE: names
    // that a certificate may have which a trust anchor signed.
    std::vector<std::string> match;
    // With DANE: the records.  verify, secure: the only trust anchors, if there are any.
    std::vector<TlsaRecord> tlsa;
    std::string protocols = ">=TLSv1";
    std::string cipher_grade = "medium";
    std::string exclude_ciphers;
    bool raw_key = false;  // a bare key will do as well (levels up to fingerprint)
    bool nobody = false;   // whoever it is, the level will not be satisfied
    std::chrono::milliseconds timeout = std::chrono::seconds(300);
};

// Errors: kTemporary for a handshake that failed or took too long (logged as Postfix does),
// kSyntax for options that make no sense.  Cancelled is thrown.
[[nodiscard]] Task<Result<TlsInfo>> tls_accept(Stream* stream, TlsContext* context,
                                               TlsAcceptOptions options);

// The result may be less than `level` asks for: info.satisfied tells.
[[nodiscard]] Task<Result<TlsInfo>> tls_connect(Stream* stream, TlsContext* context,
                                                TlsConnectOptions options);

// The end of a session by both sides, where tls_fast_shutdown_enable is off: says goodbye, and
// waits as long until the peer has said it too.  Nothing for a stream without TLS, or after a
// failure.
[[nodiscard]] Task<void> tls_end(Stream* stream, std::chrono::milliseconds patience);

}  // namespace relais
