// The mail filters (milters) of a session: which they are, what they are told when, and what
// becomes of their decisions. The content of a message is cleanup's to show them: they are handed
// over to it with the message.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/milter/filters.h"
#include "lib/smtp/command_line.h"

namespace relais::smtpd {

class Session;

// What all sessions share.
struct MilterSite {
    std::vector<milter::FilterSettings> filters;  // smtpd_milters
    milter::MacroSettings macros;
};

[[nodiscard]] MilterSite milter_site();

// Every function that returns a text returns the reply that refuses the command, or "".
class SessionMilters : public milter::MacroSource {
  public:
    explicit SessionMilters(Session& session) : session_(session) {}

    SessionMilters(const SessionMilters&) = delete;
    SessionMilters& operator=(const SessionMilters&) = delete;

    // Chooses the filters for the client (smtpd_milter_maps), connects and tells them of it.  What
    // the session greets the client with.
    [[nodiscard]] Task<std::string> connect();

    // There are some, and they have a say: not where a restriction discards the message.
    bool active() const;

    // There are some, for this message as well.
    bool any() const { return filters_ != nullptr; }

    [[nodiscard]] Task<std::string> helo(std::string name);
    // `path` is the word that holds the address; what follows it are parameters.
    // `author` is that of MAIL's AUTH=.
    [[nodiscard]] Task<std::string> mail(const smtp::CommandLine& line,
                                         std::optional<std::string> author);
    [[nodiscard]] Task<std::string> rcpt(const smtp::CommandLine& line, std::string recipient);
    // That a recipient was refused, with which reply.
    [[nodiscard]] Task<void> rejected_rcpt(const smtp::CommandLine& line, std::string recipient,
                                           std::string reply);
    // DATA, or the first BDAT.  Where they have nothing against it, cleanup gets the filters.
    [[nodiscard]] Task<std::string> data();
    [[nodiscard]] Task<std::string> unknown(std::string command);

    // For commands that filters are not told of, after they have refused the client.
    std::string standing();
    // The same for STARTTLS and AUTH, where "later" has another code.
    std::string standing_security();

    // A reply of a filter as Session::reply takes it.  It tells of no trouble of ours.
    std::string own_reply(std::string_view reply);

    // Whether a text comes from a filter.
    bool is_own(std::string_view text) const { return !own_.empty() && text == own_; }

    // The message is over.  Without effect where none was begun.
    void end_message();
    // The greeting is over: another HELO, or the end.
    void end_greeting();
    [[nodiscard]] Task<void> quit();

  private:
    [[nodiscard]] Task<std::string> tell_of_client();
    [[nodiscard]] Task<std::optional<std::string>> macro(std::string name) override;
    std::optional<std::string> connection_macro(std::string_view name) const;
    std::optional<std::string> tls_macro(std::string_view name) const;
    [[nodiscard]] Task<std::optional<std::string>> mail_macro(std::string name);
    [[nodiscard]] Task<std::optional<std::string>> rcpt_macro(std::string name);
    std::string take(const milter::Verdict& verdict);
    std::string obey(const milter::Verdict& verdict);

    Session& session_;
    std::unique_ptr<milter::Filters> filters_;
    bool in_message_ = false;
    std::optional<std::string> author_;     // of the message
    std::optional<std::string> recipient_;  // of the RCPT that goes on
    std::string own_;                       // the last reply of a filter
    std::string rejection_;                 // the reply to it, where that is known already
};

}  // namespace relais::smtpd
