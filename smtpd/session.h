// One SMTP session: what is known of the client, where the conversation stands, and the loop that
// reads commands.  Commands (commands.h) work on its public parts; the session itself only ends in
// run(), whatever ends it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/proxy_target.h"
#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/ipc/login_failures.h"
#include "lib/maps/lookup.h"
#include "lib/smtp/command_line.h"
#include "lib/smtp/data_decoder.h"
#include "lib/smtp/envelope_command.h"
#include "lib/tls/tls_info.h"

#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/elsewhere.h"
#include "smtpd/milters.h"
#include "smtpd/notice.h"
#include "smtpd/peer.h"
#include "smtpd/transaction.h"

namespace relais::smtpd {

class Site;

// Ends a session at once, without a word to the client.
struct HungUp {};

class Session {
  public:
    Session(Site& site, Connection connection);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Serves the client until it is gone.
    [[nodiscard]] Task<void> run();

    // Puts a reply ("250 2.0.0 Ok"; "\n" between lines) into the output.  It leaves with the next
    // wait for input.  421 and 521 end the session after the current command.
    void reply(std::string_view text);

    // "NOQUEUE: reject: RCPT from C: TEXT; from=<..> to=<..> proto=ESMTP helo=<..>"
    void log_event(std::string_view verb, std::string_view text) const;

    // " from=<..> to=<..> proto=ESMTP helo=<..>": what such lines end with.
    std::string who_and_how() const;

    // "SMTP", "ESMTPS", "UTF8SMTPSA" ... of Received: headers.
    std::string with_protocol() const;

    // The sender that is being judged, or that was accepted.
    const std::optional<std::string>& sender() const {
        return logged_sender ? logged_sender : mail.sender;
    }

    // The text that names this session's message in the log.
    std::string_view queue_id() const {
        return mail.queue_id.empty() ? std::string_view("NOQUEUE") : mail.queue_id;
    }

    // Ends the session because a table cannot be asked without which nothing is certain.
    void refuse_without_data();

    // Drops the message that was begun.  Cleanup notices and forgets it.
    void reset_mail();

    // The reset that HELO and EHLO do.
    void reset_hello();

    // Puts TLS under the connection.  Throws IoError when that fails: the session is over then.
    [[nodiscard]] Task<void> start_tls();

    // Checks one of the per-client rates; the reply that refuses the command, or "".
    enum class RateCheck { kMessage, kRecipient, kAuth, kNewTls };
    // An attempt to log in, unless too many have failed: then refused(), which is logged.
    [[nodiscard]] Task<LoginFailures::Attempt> begin_login();

    [[nodiscard]] Task<std::string> over_rate_limit(RateCheck which);

    // Turns this session into one of another client (XCLIENT): greets anew.
    [[nodiscard]] Task<void> greet();

    // Another line of the client, without its line end (AUTH).  Cut at `limit`.
    [[nodiscard]] Task<std::string> read_line(std::size_t limit);

    bool line_was_cut() const { return line_cut_; }

    // Looks the client up in the lists of those who may do more than others.
    [[nodiscard]] Task<void> find_rights();

    // The extensions that this client may use.
    smtp::Extensions extensions() const;

    // How line ends of this client are read, and what a bare newline in content leads to: true
    // where it is to be refused.
    [[nodiscard]] Task<smtp::BareNewline> newline_mode();
    bool refuses_bare_newline(smtp::BareNewline mode);

    bool stand_alone() const { return on_stdio_; }

    void hang_up() { hang_up_ = true; }

    Site& site;
    std::unique_ptr<Stream> stream;
    Peer client;
    std::string server_address = "unknown", server_port = "0";
    std::unique_ptr<ForwardedClient> forwarded;

    // Who the message comes from, for people and their logs, if XFORWARD has told; null: our
    // client.
    const ForwardedClient* described_client() const {
        return forwarded && forwarded->described ? forwarded.get() : nullptr;
    }

    std::string helo;               // empty: no HELO yet
    bool extended = false;          // EHLO
    unsigned discarded = 0;         // EHLO keywords that are not offered: EhloKeyword bits
    bool features_unknown = false;  // the table that tells them cannot be asked
    std::unique_ptr<TlsInfo> tls;
    Login login;
    std::unique_ptr<Elsewhere> elsewhere;  // set: commands go there, once this one is answered
    int hops_left = kMostProxyHops;        // so many more proxies may follow
    Transaction mail;
    SessionMilters milters{*this};
    CheckState checks;
    std::string where = "CONNECT";  // for the log: the last command
    int connections = 0;            // of this client, as far as anvil was asked
    int errors = 0;
    int junk = 0;
    unsigned trouble = 0;  // NoticeClass bits of what went wrong
    Transcript transcript;
    int verbosity = 0;  // from 1 on, the conversation and what restrictions say are logged
    bool xclient_allowed = false, xforward_allowed = false, verp_allowed = false;

    // During a check: the addresses it is about, for the log.
    std::optional<std::string> logged_recipient;
    std::optional<std::string> logged_sender;
    std::string etrn_domain;  // and what ETRN asks for

  private:
    enum class Ending { kOrderly, kLostConnection, kTimeout, kTooManyErrors };

    // False: the proxy in front of us did not say who it is.
    [[nodiscard]] Task<bool> identify_client();
    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<void> next_command();
    [[nodiscard]] Task<void> execute(const smtp::CommandLine& command, std::string_view line);
    [[nodiscard]] Task<std::string> filtered_command(std::string line);
    [[nodiscard]] Task<bool> refuse_crowd();
    [[nodiscard]] Task<bool> is_forbidden(std::string_view verb);
    [[nodiscard]] Task<void> refuse_stranger();
    [[nodiscard]] Task<void> say_goodbye(Ending ending);
    [[nodiscard]] Task<void> leave_anvil();
    bool refuse_early_input(std::string_view after);
    void log_ending(Ending ending) const;
    void log_disconnect() const;
    void send_reply(std::string_view formatted);
    void log_words(char direction, std::string_view lines) const;
    [[nodiscard]] Task<void> release_replies();
    std::string filtered_reply(std::string text, const Lookup& found);
    std::string footed_reply(std::string text, const Lookup& found);
    std::optional<std::string> footer_macro(std::string_view name) const;
    void finish_reply(std::string_view text);

    bool on_stdio_ = false;
    Attributes passed_;  // what a `pass` service was told about the client
    bool hang_up_ = false;
    bool too_many_errors_ = false;
    bool early_input_seen_ = false;
    bool bare_newline_ = false;  // of the last line read
    bool bare_newline_noted_ = false;
    bool line_cut_ = false;
    std::vector<std::string> held_replies_;  // until tables in other processes have answered
    std::string anvil_ident_;                // set: anvil counts this session
    CommandCounts counts_;
};

}  // namespace relais::smtpd
