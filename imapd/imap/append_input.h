// Takes in the messages of an APPEND or REPLACE command while it comes.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "lib/access/incoming_message.h"
#include "lib/imap/append_parser.h"

#include "imapd/imap/commands.h"

namespace relais {

class AppendInput {
  public:
    // For a mailbox that exists; `command` has its arguments up to the mailbox taken off.
    AppendInput(Session& session, Command& command, std::shared_ptr<OpenMailbox> target,
                imap::AppendParser::Messages messages);

    // All messages of the command, in files that are on disk; they go away with this object unless
    // they are moved.  Or the reply that refuses; the session passes over the rest of the command.
    [[nodiscard]] Task<std::expected<std::vector<NewMessage>, Reply>> receive();

  private:
    // An error is the reply.
    using Outcome = std::expected<void, Reply>;

    [[nodiscard]] Task<Outcome> take_step(imap::AppendStep step);
    Outcome begin(const imap::AppendStep& step);
    [[nodiscard]] Task<Outcome> take_literal(bool binary);
    [[nodiscard]] Task<Outcome> take_url_literal();
    [[nodiscard]] Task<Outcome> take_url(std::string url);
    [[nodiscard]] Task<Result<void>> append_url(std::string url);
    [[nodiscard]] Task<Outcome> finish_message();
    [[nodiscard]] Task<Outcome> next_line();
    Outcome grow(std::uint64_t size);

    Session& session_;
    Command& command_;
    std::shared_ptr<OpenMailbox> target_;
    imap::AppendParser parser_;
    std::string line_;
    std::vector<std::unique_ptr<IncomingMessage>> files_;
    std::vector<NewMessage> messages_;
    FlagNames flags_;
    std::int64_t date_ = 0;
    std::uint64_t size_ = 0;  // of the message at hand
    int parts_ = 0;           // of the command
};

}  // namespace relais
