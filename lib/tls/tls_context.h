// Everything about TLS that is set up once in a process, before it gives up its privileges:
// certificates and keys, trusted authorities, protocols and ciphers, resumption.
//
// A server context answers many sessions; so does a client context, where each session adds its own
// policy (lib/tls/tls_session.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/tls/tls_options.h"

namespace relais {

// A key for session tickets, as tlsmgr hands it out, so that all processes of a service can resume
// each other's sessions.
struct TlsTicketKey {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher_key{};
    std::array<unsigned char, 32> hmac_key{};
    std::int64_t expires = 0;  // for the log
};

class TlsContext {
  public:
    // Problems are logged in detail; the error is a summary.
    [[nodiscard]] static Result<std::unique_ptr<TlsContext>> server(
        const TlsServerOptions& options);
    [[nodiscard]] static Result<std::unique_ptr<TlsContext>> client(
        const TlsClientOptions& options);

    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    // The keys for session tickets: the first encrypts, all of them decrypt.  Without this call
    // the process makes up its own.
    void set_ticket_keys(std::vector<TlsTicketKey> keys);

    // Of a server: new sessions get the certificates in these files, by the names in its options
    // (a renewal).  What cannot be used is logged, and the old ones stay.
    [[nodiscard]] Result<void> renew(std::map<std::string, std::string> contents);

    // How many client sessions are kept for resumption.
    std::size_t cached_sessions() const;

    // For lib/tls only.
    struct State;

    State& state() { return *state_; }

  private:
    explicit TlsContext(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace relais
