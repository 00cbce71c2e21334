// A connection to one server, from the greeting to QUIT: commands out, replies in, what the server
// can do.  Used for one delivery at a time, and by several if the connection is kept.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/mail/dsn.h"
#include "lib/smtp/capabilities.h"
#include "lib/smtp/reply.h"
#include "lib/tls/tls_info.h"

#include "smtp/server_list.h"
#include "smtp/tls_policy.h"

namespace relais::smtp_client {

class Session {
  public:
    // `port` 0: a UNIX-domain socket, whose path stands in server.address.
    Session(UniqueFd fd, ServerAddress server, std::uint16_t port);

    const std::string& host() const { return server_.host; }

    // "host[address]", and with ":port" behind it for logs.
    const std::string& name() const { return name_; }

    const std::string& name_with_port() const { return name_with_port_; }

    std::uint16_t port() const { return port_; }

    const std::string& address() const { return server_.address; }

    Stream& stream() { return stream_; }

    // Adds a command, without CRLF, to what will be sent.
    void send(std::string_view command);

    // Sends, and waits for a reply.  Ends with the exceptions of Stream; a server that hangs up
    // has "lost connection".
    [[nodiscard]] Task<smtp::Reply> reply(std::chrono::seconds timeout);

    [[nodiscard]] Task<smtp::Reply> command(std::string_view command, std::chrono::seconds timeout);

    // What is being done, for "lost connection with X while ...".  A literal.
    void set_doing(const char* doing) { doing_ = doing; }

    const char* doing() const { return doing_; }

    smtp::Capabilities capabilities;
    bool esmtp = false;
    bool best_mx = false;  // no better server exists
    std::optional<TlsInfo> tls;
    TlsPolicy tls_policy;
    // The handshake failed at a level where plaintext would do as well.
    bool tls_failed = false;

    int reuse_count = 0;
    Deadline usable_until;  // smtp_connection_reuse_time_limit
    bool reusable = true;   // no error that leaves the conversation in doubt
    bool broken = false;    // to be hung up without another word, not even QUIT

  private:
    ServerAddress server_;
    std::uint16_t port_;
    std::string name_;
    std::string name_with_port_;
    Stream stream_;
    smtp::ReplyParser parser_;
    const char* doing_ = "receiving the initial server greeting";
};

struct ConnectResult {
    std::unique_ptr<Session> session;  // null: see why
    DeliveryStatus why;
};

[[nodiscard]] Task<ConnectResult> connect_server(const Settings* settings, ServerAddress server,
                                                 std::uint16_t port);

// Says QUIT and hangs up.  Never fails.
[[nodiscard]] Task<void> close_session(const Settings* settings, std::unique_ptr<Session> session);

}  // namespace relais::smtp_client
