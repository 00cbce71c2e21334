// A POP3 connection before login: greeting, STLS, USER and PASS, APOP, AUTH.  Nothing else is
// understood here, since everything here comes from strangers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/access/login_session.h"

namespace relais {

class Pop3LoginSession : public LoginSession {
  public:
    using LoginSession::LoginSession;

  private:
    [[nodiscard]] Task<void> greet() override;
    [[nodiscard]] Task<bool> next_command() override;
    std::string_view bye(Bye why) const override;
    void refuse(const std::string& tag, Refusal why, std::string_view text) override;
    [[nodiscard]] Task<Result<BackendAnswer>> log_in_at(Stream* backend,
                                                        const ProxyTarget* target) override;
    void forward(const std::string& tag, const BackendAnswer& answer) override;

    [[nodiscard]] Task<void> handle(std::string line);
    [[nodiscard]] Task<void> capa();
    [[nodiscard]] Task<void> auth(std::string_view arguments);
    [[nodiscard]] Task<void> apop(std::string_view arguments);
    [[nodiscard]] Task<void> pass(std::string_view password);
    void xclient(std::string_view arguments);
    void bad_command(std::string_view text);

    std::string challenge_;  // of APOP; empty: it is not offered
    std::optional<std::string> user_;
    int bad_commands_ = 0;
};

}  // namespace relais
