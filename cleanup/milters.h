// The mail filters (milters) of a message: those that smtpd hands over, which have seen its
// connection and envelope already, or those of non_smtpd_milters, for which cleanup plays the SMTP
// session.  They are shown the message when it is complete in its queue file, and may change it
// there before it becomes mail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/milter/filters.h"

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Milters : public milter::MacroSource {
  public:
    Milters(Service& service, Message& message);
    Milters(const Milters&) = delete;
    Milters& operator=(const Milters&) = delete;

    // An `m` record, which says how many filters follow it.
    [[nodiscard]] Task<void> take_over(Stream* stream, std::string_view count);

    // Where the filters are ours: the session up to MAIL, and RCPT.
    [[nodiscard]] Task<void> play_mail();
    [[nodiscard]] Task<void> play_rcpt();

    // Shows them the message and does what they ask for.
    [[nodiscard]] Task<void> inspect();

    // Ends the session that was played.
    [[nodiscard]] Task<void> quit();

  private:
    // Who sent the message, as filters are told.
    struct Client {
        std::string name, reverse_name, address, port;
        int family = 0;
    };

    [[nodiscard]] Task<std::optional<std::string>> macro(std::string name) override;

    const std::optional<std::string>& told(ClientAttribute which) const {
        return message_.envelope.client.of(which);
    }

    bool wanted() const;
    bool playing() const;
    void find_client();
    bool apply(std::string_view event, const milter::Verdict& verdict);
    void log(std::string_view action, std::string_view event, std::string_view text) const;

    Service& service_;
    Message& message_;
    std::unique_ptr<milter::Filters> filters_;
    bool handed_over_ = false;
    std::optional<Client> client_;
};

}  // namespace relais::cleanup
