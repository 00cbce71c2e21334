// The bytes of a stream through TLS.  Private to lib/tls: tls_accept() and tls_connect() put it
// under a Stream.
#pragma once

#include <string>

#include "lib/event/transport.h"
#include "lib/tls/openssl_handles.h"
#include "lib/tls/session_notes.h"

namespace relais {

class TlsTransport : public Transport {
  public:
    TlsTransport(SSL_CTX* ctx, int fd);
    // Says goodbye (close_notify) where that makes sense; never waits.
    ~TlsTransport() override;

    // Sends a close_notify, once.  False: there is no session to end.
    bool say_goodbye();

    // One step of the handshake; the role was set with SSL_set_accept_state() or connect_state.
    IoOutcome handshake();

    IoOutcome read(std::span<char> into) override;
    IoOutcome write(std::string_view bytes) override;
    bool has_pending() const override;

    SSL* ssl() { return ssl_.get(); }

    SessionNotes& notes() { return notes_; }

    // Level 3 and 4: what goes over the wire goes into the log.  kHandshake ends with it.
    enum class Dump { kNone, kHandshake, kAll };
    void dump(Dump what);

    // What the last failed step came to, in Postfix's words: "lost connection", the text of a
    // system error, or "-1" when the TLS library has the details in its queue.
    const std::string& failure() const { return failure_; }

    // How OpenSSL reaches the socket.
    struct Socket {
        int fd = -1;
        bool drained = false;  // the last read took all there was
        int error = 0;
        bool end = false;
    };

  private:
    IoOutcome explain(int result);

    Socket socket_;
    SslPtr ssl_;
    SessionNotes notes_;
    Dump dump_ = Dump::kNone;
    std::string failure_;
    bool usable_ = true;  // no fatal error yet, and a close_notify may be sent
};

}  // namespace relais
