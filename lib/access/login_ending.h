// How the process of a login service ends when its server does (SIGTERM): the clients are told, and
// the sessions behind its TLS have a moment to tell theirs.
#pragma once

#include <list>

#include "lib/access/login_session.h"
#include "lib/event/sync.h"

namespace relais {

class LoginEnding {
  public:
    // A session, as long as it lasts.
    class Place {
      public:
        Place(LoginEnding& ending, LoginSession* session);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

      private:
        LoginEnding& ending_;
        std::list<LoginSession*>::iterator place_;
    };

    [[nodiscard]] Place arrive(LoginSession* session) { return {*this, session}; }

    // Waits for the signal, and ends the process then.
    [[nodiscard]] Task<void> wait();

  private:
    std::list<LoginSession*> sessions_;
    Flag ends_;
    Flag empty_;  // nobody has come since, or all have gone
};

}  // namespace relais
