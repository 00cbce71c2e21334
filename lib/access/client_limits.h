// How much a client may do before it has logged in: the connections and failed logins of an
// address, which anvil counts over all processes; and who goes when this process is full.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/access/login_settings.h"
#include "lib/event/task_group.h"
#include "lib/ipc/anvil.h"
#include "lib/ipc/login_failures.h"
#include "lib/maps/match_list.h"

namespace relais {

class LoginSession;

class ClientLimits {
  public:
    // Opens the table of exceptions.  `settings` must outlive it.
    explicit ClientLimits(const LoginSettings& settings);

    // A connection that has not logged in.
    struct Place {
        LoginSession* session = nullptr;
        TaskGroup* task = nullptr;  // what runs the session
    };

    using Waiting = std::list<Place>;

    // Anvil's part: false where there are too many connections from this address, which is logged.
    [[nodiscard]] Task<bool> enter(std::string address);
    // It has logged in, or is gone.  Called for every entering that has happened.
    [[nodiscard]] Task<void> leave(std::string address);

    // One attempt to log in; where it is refused(), that is logged.
    [[nodiscard]] Task<LoginFailures::Attempt> begin_login(std::string address);

    [[nodiscard]] Task<void> login_failed(LoginFailures::Attempt attempt) {
        return failures_.failed(std::move(attempt));
    }

    // The list of this process.
    Waiting::iterator arrive(Place place) { return waiting_.insert(waiting_.end(), place); }

    void depart(Waiting::iterator place) { waiting_.erase(place); }

    // Ends the oldest connection that has not logged in.  False where there is none.
    bool drop_oldest();

  private:
    [[nodiscard]] Task<bool> is_excepted(std::string address);

    const LoginSettings& settings_;
    AnvilClient anvil_;
    LoginFailures failures_;
    MatchList exceptions_;
    std::map<std::string, int> here_;  // connections in this process, by anvil's ident
    Waiting waiting_;                  // oldest first
};

}  // namespace relais
