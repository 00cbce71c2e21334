// One POP3 session after login (RFC 1939): reads commands and runs them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/access/session_service.h"
#include "lib/event/stream.h"
#include "lib/pop3/message_text.h"

#include "imapd/pop3/maildrop.h"

namespace relais {

class Pop3Session {
  public:
    Pop3Session(User& user, Stream& stream) : user_(user), stream_(stream), maildrop_(user) {}

    Pop3Session(const Pop3Session&) = delete;
    Pop3Session& operator=(const Pop3Session&) = delete;

    // Serves the client until it is gone.
    [[nodiscard]] Task<void> run(SessionStart start);

  private:
    using Command = Task<void> (Pop3Session::*)(std::string_view arguments);

    // Null for a name that is no command (commands.cc, as those are).
    [[nodiscard]] static Command find_command(std::string_view name);

    [[nodiscard]] Task<void> capa(std::string_view arguments);
    [[nodiscard]] Task<void> dele(std::string_view arguments);
    [[nodiscard]] Task<void> last(std::string_view arguments);
    [[nodiscard]] Task<void> list(std::string_view arguments);
    [[nodiscard]] Task<void> noop(std::string_view arguments);
    [[nodiscard]] Task<void> quit(std::string_view arguments);
    [[nodiscard]] Task<void> retr(std::string_view arguments);
    [[nodiscard]] Task<void> rset(std::string_view arguments);
    [[nodiscard]] Task<void> stat(std::string_view arguments);
    [[nodiscard]] Task<void> top(std::string_view arguments);
    [[nodiscard]] Task<void> uidl(std::string_view arguments);

    [[nodiscard]] Task<void> converse(SessionStart start);
    [[nodiscard]] Task<bool> enter();
    // Nothing where the client cannot go on.
    [[nodiscard]] Task<std::optional<std::string>> next_line();
    [[nodiscard]] Task<void> handle(std::string line);

    // Takes a message number off the front of `arguments` and gives its position.  Where there is
    // none that can be, the client has been told why.
    std::optional<std::size_t> take_message(std::string_view& arguments);
    void tell_gone(std::size_t at, const Error& why);
    // Sends a message; what it counts is added to `octets`.
    [[nodiscard]] Task<void> send(MessageFile file, pop3::TextRules rules, std::uint64_t* octets);

    // A good deal is written, and should be sent.
    bool is_much() const { return stream_.unsent() >= std::size_t{64} * 1024; }

    void ok(std::string_view text = "");
    void refuse(std::string_view text);
    std::string totals() const;

    User& user_;
    Stream& stream_;
    Maildrop maildrop_;
    std::string early_input_;  // handed over with the connection; comes before the stream's
    std::string why_;          // it ended
    int bad_commands_ = 0;
    bool done_ = false;
    bool entered_ = false;

    struct {
        std::uint64_t tops = 0;
        std::uint64_t top_octets = 0;
        std::uint64_t retrievals = 0;
        std::uint64_t retrieved_octets = 0;
        std::uint64_t deleted = 0;
    } done_so_far_;
};

}  // namespace relais
