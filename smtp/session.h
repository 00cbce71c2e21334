// A connection to one server, from the greeting to QUIT: commands out, replies in, what the server
// can do.  Used for one delivery at a time, and by several if the connection is kept.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/ipc/session_notice.h"
#include "lib/mail/dsn.h"
#include "lib/smtp/capabilities.h"
#include "lib/smtp/reply.h"
#include "lib/tls/tls_info.h"

#include "smtp/reply_filter.h"
#include "smtp/server_list.h"
#include "smtp/tls_policy.h"
#include "smtp/tls_report.h"

namespace relais::smtp_client {

class Session {
  public:
    // `port` 0: a UNIX-domain socket, whose path stands in server.address.
    Session(UniqueFd fd, ServerAddress server, std::uint16_t port, const Settings& settings);

    const std::string& host() const { return server_.host; }

    // The server has this name for those who use the session from now on.
    void call_host(std::string host);

    // "host[address]", and with ":port" behind it for logs.
    const std::string& name() const { return name_; }

    const std::string& name_with_port() const { return name_with_port_; }

    std::uint16_t port() const { return port_; }

    const std::string& address() const { return server_.address; }

    Stream& stream() { return *stream_; }

    // Somebody stands between us and the server from now on.  What has come and was not read is
    // thrown away.
    void go_on_with(std::unique_ptr<Stream> stream) { stream_ = std::move(stream); }

    // A reply that tells of a mistake of ours, or of the server's (RFC 5321's x0z, and what is no
    // reply at all), is one that the postmaster may want to hear of.
    void judge(const smtp::Reply& reply);

    // What the postmaster may be told of the session; nothing where nothing is wrong.
    std::string faulty_transcript() const { return faulty_ ? transcript_->lines() : std::string(); }

    // Adds a command, without CRLF, to what will be sent.  Where it has a line end or a NUL within,
    // from a queue file that any user may write, there goes a "?": it stays one command.
    void send(std::string_view command);

    // For a log that is to say more: a line that went out by other ways.
    void note_sent(std::string_view line);
    // The same with one that no log must have; there stands `shown` in its place.
    void send_secret(std::string_view command, std::string_view shown);

    // From now on replies go through this filter, which must outlive the session; the queue id is
    // for the log.
    void set_reply_filter(const ReplyLineFilter* filter, std::string queue_id);

    // How long the peer may take; with smtp_per_request_deadline, for all of what is sent and
    // received from now on.
    void allow(std::chrono::seconds timeout);

    // Sends, and waits for a reply.  TableFailure where the filter cannot be asked.  Ends with the
    // exceptions of Stream; a server that hangs up has "lost connection".
    [[nodiscard]] Task<smtp::Reply> reply(std::chrono::seconds timeout);

    [[nodiscard]] Task<smtp::Reply> command(std::string_view command, std::chrono::seconds timeout);

    // What is being done, for "lost connection with X while ...".  A literal.
    void set_doing(const char* doing) { doing_ = doing; }

    const char* doing() const { return doing_; }

    smtp::Capabilities capabilities;
    std::string mechanisms;  // of SASL, that can be used here
    bool esmtp = false;
    bool best_mx = false;  // no better server exists
    bool logged_in = false;
    // The handshake failed at a level where plaintext would do as well.
    bool tls_failed = false;
    // It lacks what mail with REQUIRETLS needs.
    bool unsuitable = false;
    bool reusable = true;  // no error that leaves the conversation in doubt
    bool closing = false;  // the server has said so
    bool broken = false;   // to be hung up without another word, not even QUIT
    std::optional<TlsInfo> tls;
    std::string proxied_tls;  // it is in tlsproxy, which has said this of it; empty: it is here
    TlsPolicy tls_policy;
    // Why the policy is not satisfied, for reports.
    std::optional<TlsFailure> tls_failure;

    // Where it may be of use again: see session_labels.h.  `destination` is empty where another
    // session has served that one first.
    struct Labels {
        std::string destination, endpoint;
    } labels;

    std::string site;  // the destination, as it was written

    int verbosity = 0;  // from 1 on, the conversation is logged
    int reuse_count = 0;
    Deadline usable_until;                     // smtp_connection_reuse_time_limit
    std::chrono::seconds pause_before_end{0};  // of data, after all else has left: see pix.h

  private:
    [[nodiscard]] Task<std::string> read_line();
    void note_nonsense(std::string_view line);

    void make_names();

    ServerAddress server_;
    std::uint16_t port_;
    std::string name_;
    std::string name_with_port_;
    std::unique_ptr<Stream> stream_;
    const Settings& settings_;
    const ReplyLineFilter* reply_filter_ = nullptr;
    std::string queue_id_;
    smtp::ReplyParser parser_;
    std::optional<Transcript> transcript_;  // where notify_classes has `protocol`
    bool faulty_ = false;
    const char* doing_ = "receiving the initial server greeting";
};

// Whether its conversation is logged (debug_peer_list).
[[nodiscard]] Task<void> note_verbosity(const Settings* settings, Session* session);

struct ConnectResult {
    std::unique_ptr<Session> session;  // null: see why
    DeliveryStatus why;
};

[[nodiscard]] Task<ConnectResult> connect_server(const Settings* settings, ServerAddress server,
                                                 std::uint16_t port);

// Tells the postmaster of a session at its end, if there is something to tell.
[[nodiscard]] Task<void> report_faults(const Settings* settings, const Session* session);

// Says QUIT, hangs up, and reports.  Never fails.
[[nodiscard]] Task<void> close_session(const Settings* settings, std::unique_ptr<Session> session);

}  // namespace relais::smtp_client
