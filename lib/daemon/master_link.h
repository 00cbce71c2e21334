// The status channel to master: 12-byte reports out, end-of-file when master is gone or wants the
// process to retire.
#pragma once

#include <cstdint>

#include "lib/event/sync.h"

namespace relais {

// The wire form: native ints, one write each (master's reference, "status message").
struct MasterStatus {
    std::int32_t pid = 0;
    std::uint32_t generation = 0;
    // 1: free, 0: busy.  Relais' master is also told, above bit 0, how many sessions the process
    // carries; with bit 0 unset that means: not full yet, but in need of company.
    std::int32_t available = 0;
};

inline constexpr int kCapacityShift = 8;

enum class Availability { kFree, kWantsCompany, kFull };

class MasterLink {
  public:
    // Reads GENERATION and RELAIS_SESSIONS from the environment.
    MasterLink();

    // Tells master when the state changes.
    void report(Availability state);

    // How many sessions master lets this process carry; 0: it said nothing (Postfix's master).
    int sessions_granted() const { return sessions_granted_; }

    // Tells Relais' master how many sessions this process will carry.
    void announce_capacity(int sessions);

    // Sends again what master, held up, had no room for; until cancelled.
    [[nodiscard]] Task<void> repeat_reports();

    // Returns when the channel has come to its end.
    [[nodiscard]] Task<void> wait_for_end();

  private:
    void send(int available);
    void send_latest();

    std::uint32_t generation_ = 0;
    int sessions_granted_ = 0;
    int capacity_ = 0;
    Availability state_ = Availability::kFree;
    bool open_ = true;
    MasterStatus latest_;
    Flag unsent_;  // the latest report is still to be sent
};

}  // namespace relais
