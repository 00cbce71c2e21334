// An IMAP connection before login: greeting, STARTTLS, LOGIN and AUTHENTICATE.  Nothing else is
// understood here, since everything here comes from strangers.
#pragma once

#include <string>
#include <string_view>

#include "lib/access/login_session.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/scanner.h"

namespace relais {

class ImapLoginSession : public LoginSession {
  public:
    using LoginSession::LoginSession;

  private:
    struct Command {
        std::string tag;
        std::string name;
        imap::Scanner arguments{""};
    };

    [[nodiscard]] Task<void> greet() override;
    [[nodiscard]] Task<bool> next_command() override;
    std::string_view bye(Bye why) const override;
    void refuse(const std::string& tag, Refusal why, std::string_view text) override;
    [[nodiscard]] Task<Result<BackendAnswer>> log_in_at(Stream* backend,
                                                        const ProxyTarget* target) override;
    void forward(const std::string& tag, const BackendAnswer& answer) override;

    [[nodiscard]] Task<std::string> capabilities();
    [[nodiscard]] Task<void> handle(Command command);
    [[nodiscard]] Task<void> starttls(const Command& command);
    [[nodiscard]] Task<void> login(Command& command);
    [[nodiscard]] Task<void> authenticate_command(Command& command);
    void identify(Command& command);
    static void take_pair(std::string_view name, const std::string& value, Origin* origin);
    void answer(std::string_view tag, std::string_view text);

    imap::CommandReader reader_{40960};  // ID: 30 pairs of 30 and 1024 bytes (RFC 2971 3.3)
    int bad_commands_ = 0;
};

}  // namespace relais
