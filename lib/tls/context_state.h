// The inside of a TlsContext.  Private to lib/tls.
#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/tls/openssl_handles.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_protocols.h"

namespace relais {

// Client sessions for resumption, by a key that names server and policy; the oldest give way.
class SessionStore {
  public:
    void put(const std::string& key, SessionPtr session);
    // The session to resume, or null.  TLS 1.3 sessions are handed out once (RFC 8446 C.4).
    [[nodiscard]] SessionPtr get(const std::string& key);
    void drop(const std::string& key);

    std::size_t size() const { return entries_.size(); }

  private:
    static constexpr std::size_t kMost = 2000;

    struct Entry {
        SessionPtr session;
        std::list<std::string>::iterator age;
    };

    std::unordered_map<std::string, Entry, StringHash, std::equal_to<>> entries_;
    std::list<std::string> ages_;  // oldest first
};

struct TlsContext::State {
    SslCtxPtr ctx;
    TlsCommonOptions options;
    const EVP_MD* fingerprint_digest = nullptr;
    bool many_wildcard_labels = true;
    SessionStore sessions;

    // Servers:
    TlsServerOptions server;
    TlsProtocolSet protocols;
    KeyPtr dh_parameters;                       // null: the library's
    Result<std::string> cipher_list;            // the error is told in each session
    const EVP_CIPHER* ticket_cipher = nullptr;  // null: no tickets
    bool client_certificate_required = false;
    std::vector<TlsTicketKey> ticket_keys;  // the newest first

    bool logs(TlsLogLevel level) const { return options.loglevel >= level; }
};

// The State of whose SSL_CTX `ssl` is.
[[nodiscard]] TlsContext::State& state_of(SSL* ssl);

// What server and client have in common.  `model`: authorities come from there, not from files.
[[nodiscard]] Result<SslCtxPtr> make_ssl_context(TlsContext::State& state, const SSL_METHOD* method,
                                                 SSL_CTX* model);
// Checks the common options, and takes them over.
[[nodiscard]] Result<std::unique_ptr<TlsContext::State>> make_state(
    const TlsCommonOptions& options);

// Handshakes go on with certificates that don't verify; the result is judged afterwards, by what
// SessionNotes say of a client's.
[[nodiscard]] int accept_certificate(int verified, X509_STORE_CTX* store);

// Session tickets (RFC 5077), with the keys in State.
void serve_tickets(TlsContext::State& state, SSL_CTX* ctx);
// Null, with a warning, for a cipher that can't be used.
[[nodiscard]] const EVP_CIPHER* find_ticket_cipher(const std::string& name);

}  // namespace relais
