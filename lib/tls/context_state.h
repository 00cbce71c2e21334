// The inside of a TlsContext.  Private to lib/tls.
#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/tls/openssl_handles.h"
#include "lib/tls/tls_context.h"

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
    bool client_certificate_required = false;
    std::vector<TlsTicketKey> ticket_keys;
    SessionStore sessions;
};

// Loads the certificates and keys into `ctx`.  False when one of them can't be used; logged.
[[nodiscard]] bool load_certificates(SSL_CTX* ctx, const TlsCertificateFiles& files);

// Where OpenSSL's objects keep a pointer of ours: State in an SSL_CTX, the session key of a client
// (std::string) in an SSL.
[[nodiscard]] int context_index();
[[nodiscard]] int session_key_index();

}  // namespace relais
