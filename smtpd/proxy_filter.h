// The content filter before the queue (smtpd_proxy_filter): a mail server to which one message is
// passed on while it comes in, or (speed_adjust) when it is there; what it answers to the end of
// the data is what the client hears.
//
// A filter that is absent, hangs or talks nonsense makes the client come again later.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/unique_fd.h"
#include "lib/event/stream.h"
#include "lib/queue/record.h"
#include "lib/smtp/capabilities.h"
#include "lib/smtp/data_encoder.h"

namespace relais::smtpd {

class Session;

class ProxyFilter {
  public:
    // `mail_command` as the client sent it.
    ProxyFilter(Session& session, std::string mail_command);

    // Connects, says who the client is, and begins a transaction.  False: reply() refuses it.
    [[nodiscard]] Task<bool> open();

    // Passes on RCPT as the client sent it.
    [[nodiscard]] Task<bool> recipient(std::string command);

    // DATA.
    [[nodiscard]] Task<bool> begin_data();

    // A line of content, or a piece of one.
    void put(Rec type, std::string_view text);

    // Passes on what has gathered, if that is much.  False: it cannot be.
    [[nodiscard]] Task<bool> relieve();

    // The end of the data.  True: the filter has taken the message.
    [[nodiscard]] Task<bool> finish();

    // The filter's last word, for the client and for the log; after a failure what the client may
    // hear of it.
    std::string reply_for_client() const;
    std::string logged_reply() const;

    // The same where the filter does not do what it was asked: refusals as they are, nonsense not.
    std::string refusal() const;

  private:
    struct Command {
        std::string text;
        char wanted = '2';  // what a good reply begins with
    };

    [[nodiscard]] Task<bool> connect();
    [[nodiscard]] Task<bool> introduce_client();
    // Now, or when all is there.
    [[nodiscard]] Task<bool> pass(Command command);
    [[nodiscard]] Task<bool> exchange(Command command);
    [[nodiscard]] Task<std::string> read_line(std::size_t limit);
    [[nodiscard]] Task<void> read_reply();
    [[nodiscard]] Task<bool> replay();
    [[nodiscard]] Task<bool> send_spooled();
    // `bytes` must outlive the task.
    [[nodiscard]] Task<bool> send(std::string_view bytes);
    bool spool();
    void lose(std::string_view why);
    void fail();

    Session& session_;
    const std::string& service_;
    const bool at_once_;  // speed_adjust: everything, when it is there
    std::string mail_command_;
    std::unique_ptr<Stream> stream_;  // null: not connected, or no longer
    smtp::Capabilities features_;
    smtp::DataEncoder encoder_;
    std::string reply_;    // "\n" between lines
    std::string content_;  // encoded, not sent yet
    // speed_adjust:
    std::vector<Command> commands_;
    UniqueFd spool_;
};

}  // namespace relais::smtpd
