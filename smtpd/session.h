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

#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/ipc/login_failures.h"
#include "lib/smtp/command_line.h"
#include "lib/tls/tls_info.h"

#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/notice.h"
#include "smtpd/peer.h"
#include "smtpd/transaction.h"

namespace relais::smtpd {

class Site;

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

    // "SMTP", "ESMTPS", "UTF8SMTPSA" ... of Received: headers.
    std::string with_protocol() const;

    // The text that names this session's message in the log.
    std::string_view queue_id() const {
        return mail.queue_id.empty() ? std::string_view("NOQUEUE") : mail.queue_id;
    }

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

    bool stand_alone() const { return on_stdio_; }

    void hang_up() { hang_up_ = true; }

    Site& site;
    std::unique_ptr<Stream> stream;
    Peer client;
    std::string server_address = "unknown", server_port = "0";
    std::unique_ptr<ForwardedClient> forwarded;
    std::string helo;               // empty: no HELO yet
    bool extended = false;          // EHLO
    unsigned discarded = 0;         // EHLO keywords that are not offered: EhloKeyword bits
    bool features_unknown = false;  // the table that tells them cannot be asked
    std::unique_ptr<TlsInfo> tls;
    Login login;
    Transaction mail;
    CheckState checks;
    std::string where = "CONNECT";  // for the log: the last command
    int errors = 0;
    int junk = 0;
    unsigned trouble = 0;  // NoticeClass bits of what went wrong
    Transcript transcript;
    bool xclient_allowed = false, xforward_allowed = false;

    // During a check: the addresses it is about, for the log.
    std::optional<std::string> logged_recipient;
    std::optional<std::string> logged_sender;

  private:
    enum class Ending { kOrderly, kLostConnection, kTimeout, kTooManyErrors };

    [[nodiscard]] Task<void> identify_client();
    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<void> next_command();
    [[nodiscard]] Task<void> execute(const smtp::CommandLine& command, std::string_view line);
    [[nodiscard]] Task<bool> refuse_crowd();
    [[nodiscard]] Task<bool> is_forbidden(std::string_view verb);
    [[nodiscard]] Task<void> refuse_stranger();
    [[nodiscard]] Task<void> say_goodbye(Ending ending);
    [[nodiscard]] Task<void> leave_anvil();
    bool refuse_early_input(std::string_view after);
    void log_ending(Ending ending) const;
    void log_disconnect() const;
    void send_reply(std::string_view formatted);

    bool on_stdio_ = false;
    Attributes passed_;  // what a `pass` service was told about the client
    bool hang_up_ = false;
    bool too_many_errors_ = false;
    bool early_input_seen_ = false;
    bool bare_newline_ = false;  // of the last line read
    bool line_cut_ = false;
    std::string anvil_ident_;  // set: anvil counts this session
    CommandCounts counts_;
};

}  // namespace relais::smtpd
