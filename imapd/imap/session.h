// One IMAP session after login: reads commands, runs them (commands.h), tells what has changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/scanner.h"

#include "imapd/imap/selected.h"
#include "imapd/imap/user.h"

namespace relais {

// The tagged answer to a command.
struct Reply {
    enum class Kind { kOk, kNo, kBad };
    Kind kind = Kind::kOk;
    std::string text;

    static Reply ok(std::string text) { return {Kind::kOk, std::move(text)}; }

    static Reply no(std::string text) { return {Kind::kNo, std::move(text)}; }

    static Reply bad(std::string text) { return {Kind::kBad, std::move(text)}; }
};

// A command with its tag and name taken off.
struct Command {
    std::string tag;
    std::string name;  // upper case; without "UID "
    bool uid = false;
    imap::Scanner arguments{""};

    WithUid with_uid() const { return uid ? WithUid::kYes : WithUid::kNo; }
};

struct SessionStart {
    std::string tag;    // of the command that logged in; empty: PREAUTH
    std::string input;  // what the client has sent behind it
    std::string remote_address;
    bool secured = false;
};

class Session {
  public:
    Session(User& user, Stream& stream) : user(user), stream(stream) {}

    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Serves the client until it is gone.
    [[nodiscard]] Task<void> run(SessionStart start);

    // Sends when a good deal has been written.
    [[nodiscard]] Task<void> drain();

    // Writes untagged responses about the selected mailbox.  Throws IoError when the mailbox is
    // not what it was: the session cannot go on.
    [[nodiscard]] Task<void> sync(Expunges expunges, WithUid with_uid);

    // More input, into the input that next_command() reads from; throws at the end of stream.
    [[nodiscard]] Task<void> read_more();

    void hang_up() { done_ = true; }

    User& user;
    Stream& stream;
    std::unique_ptr<Selected> selected;
    imap::CommandReader reader;
    std::string early_input;  // handed over with the connection; comes before the stream's
    bool condstore = false;

    std::string_view input() const {
        return early_input.empty() ? stream.buffered() : std::string_view(early_input);
    }

    void consume(std::size_t count);

  private:
    [[nodiscard]] Task<void> converse();
    // A whole command is in the reader, or APPEND's message is next.
    [[nodiscard]] Task<imap::CommandReader::Event> next_event();
    [[nodiscard]] Task<void> handle_command(imap::CommandReader::Event event);
    [[nodiscard]] Task<void> handle_message(imap::CommandReader::Event event);
    void answer(std::string_view tag, const Reply& reply);
    void greet(const SessionStart& start);

    bool done_ = false;
    int bad_commands_ = 0;
};

// What is offered after login.
[[nodiscard]] std::string_view session_capabilities();

}  // namespace relais
