// TLS sessions of a server that tlsmgr keeps, so that a client without tickets can resume its
// session with any process of the service.  A tlsmgr that does not answer costs a client little
// time, and no session more than the resumption.
#pragma once

#include <optional>
#include <string>

#include "lib/event/deadline.h"
#include "lib/event/sync.h"
#include "lib/ipc/tlsmgr_client.h"
#include "lib/tls/tls_session.h"

namespace relais {

class SharedTlsSessions : public TlsSessionStore {
  public:
    // Of the cache with this name: smtpd.
    explicit SharedTlsSessions(std::string name) : name_(std::move(name)) {}

    // Asks tlsmgr for random bytes to begin with (tls_daemon_random_bytes), and whether it keeps
    // sessions, until it has answered.  Beside the sessions (Daemon::background).
    [[nodiscard]] Task<void> open();

    // Waits, not for long, until tlsmgr was asked once.
    [[nodiscard]] Task<void> ready();

    std::string_view name() const override { return name_; }

    bool is_open() const override;

    [[nodiscard]] Task<std::string> find(std::string name) override;
    [[nodiscard]] Task<void> put(std::string name, std::string session) override;
    [[nodiscard]] Task<void> remove(std::string name) override;

  private:
    [[nodiscard]] Task<Result<void>> ask();
    void note_trouble(std::string_view why);

    std::string name_;
    std::optional<TlsmgrClient> tlsmgr_;  // made on the loop
    Flag asked_;
    bool cachable_ = false;
    Deadline pause_;  // until then tlsmgr is not asked again
    bool pausing_ = false;
};

// For who is a client only: random bytes to begin with.  Where tlsmgr has none, the TLS library
// does without.
[[nodiscard]] Task<void> seed_tls_library();

}  // namespace relais
