// The content of a message on its way in, whether it comes behind DATA or in chunks: lines become
// records for cleanup, within the limits of size and time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/event/rate_deadline.h"
#include "lib/event/task.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/smtp/data_decoder.h"

#include "smtpd/commands.h"

namespace relais::smtpd {

class Session;

class ContentWriter {
  public:
    // DATA repairs what a mailbox or a missing header leaves at the top of a message.
    enum class Top { kRepaired, kAsItIs };

    ContentWriter(Session& session, Top top);

    void take(const smtp::DataDecoder::Line& line);

    // Passes on to cleanup what has gathered, if it is much.
    [[nodiscard]] Task<void> relieve();

    // What is wrong with the content, as CleanupStatus bits.
    unsigned problems() const { return problems_; }

  private:
    void put(const smtp::DataDecoder::Line& line);

    Session& session_;
    std::uint64_t limit_;
    bool top_;
    unsigned problems_ = 0;
};

// The time that a client has for content (smtpd_per_request_deadline).
[[nodiscard]] RateDeadline content_deadline(Session& session);

// What is known of content when its last line is there.
struct ContentEnd {
    unsigned problems = 0;      // CleanupStatus bits
    bool bare_newline = false;  // to be refused
    std::string size;           // for the reply: "12 bytes ", or nothing
};

// Restrictions, mail filters and the proxy filter before the first byte of content.  The reply that
// refuses it, or "".
[[nodiscard]] Task<std::string> before_content(Session& session);

// The restrictions for the end of data, cleanup's verdict, the reply.  The transaction is over
// then.
[[nodiscard]] Task<Outcome> end_of_message(Session& session, ContentEnd end);

// The reply that refuses bare newlines, which is logged.
[[nodiscard]] std::string refuse_bare_newline(Session& session);

// What the reply to content says of cleanup's verdict that is not "taken".
[[nodiscard]] std::string content_refusal(const CleanupReply& answer);

}  // namespace relais::smtpd
