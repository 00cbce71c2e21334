// What came of a connection on which nobody logged in, in the words of Dovecot's log, for whose
// readers wrong passwords and the like are there: fail2ban counts them by address.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

class LoginEnd {
  public:
    // A password was wrong.
    void note_guess(std::string_view method, std::string_view user);

    // The client has begun with a mechanism; end_exchange() where it went on to a verdict.
    void begin_exchange(std::string_view method);

    void end_exchange() { unfinished_ = false; }

    // A password in the clear, where that is not allowed.
    void note_disallowed() { disallowed_ = true; }

    // Why the connection ends; the first reason counts.
    void because(std::string_view reason);

    // Somebody has logged in, or the log knows already: there is nothing to tell.
    void be_silent() { silent_ = true; }

    // `origin` is "rip=192.0.2.1, lip=192.0.2.9, TLS".  Nothing where there is nothing to tell.
    [[nodiscard]] std::optional<std::string> text(std::chrono::seconds lasted,
                                                  std::string_view origin) const;

  private:
    int guesses_ = 0;
    std::string user_;
    std::string method_;
    std::string reason_;
    bool unfinished_ = false;
    bool disallowed_ = false;
    bool silent_ = false;
};

}  // namespace relais
