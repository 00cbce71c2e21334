// Failed logins by client, which anvil counts for smtpd and imap-login together: who guesses
// passwords does not get twice as many by asking both.  Each failure is the event "auth" of the
// client "login-failure:ADDRESS", which Postfix's anvil counts as well.  With login_shared_server
// several machines count together.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/sync.h"
#include "lib/ipc/anvil.h"
#include "lib/ipc/shared_server.h"

namespace relais {

// Whom limits count as one client: the address, and of IPv6 the network of 64 bits, from which
// everybody has as many addresses as he likes.
struct PrefixLengths {
    int ipv4 = 32;
    int ipv6 = 64;
};

[[nodiscard]] std::string client_network(std::string_view address, PrefixLengths lengths = {});

class LoginFailures {
  private:
    struct Going {
        int attempts = 0;
        WaitQueue ends;
    };

  public:
    // One login that goes on.  It may go on where refused() is 0.
    class Attempt {
      public:
        Attempt() = default;
        Attempt(Attempt&&) = default;
        Attempt& operator=(Attempt&&) = delete;
        ~Attempt();

        // The client's failures, where they are too many already.
        int refused() const { return refused_; }

      private:
        friend class LoginFailures;

        std::string client_;
        int refused_ = 0;
        std::shared_ptr<Going> going_;
    };

    // `limit` failures in a time unit of anvil; 0: any number.
    LoginFailures(AnvilClient& anvil, int limit);

    // Waits while as many logins of this client go on as may still fail: guesses in parallel are no
    // more than guesses in a row.
    [[nodiscard]] Task<Attempt> begin(std::string address);

    // Counts a failure.
    [[nodiscard]] Task<void> failed(Attempt attempt);

  private:
    // As anvil says, or all machines together where those are more.
    [[nodiscard]] Task<std::optional<int>> failures_of(std::string client);

    AnvilClient& anvil_;
    SharedServer shared_;
    int limit_;
    std::map<std::string, std::shared_ptr<Going>> going_;
};

}  // namespace relais
