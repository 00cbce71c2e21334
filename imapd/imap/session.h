// One IMAP session after login: reads commands, runs them (commands.h), tells what has changed.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/access/selected.h"
#include "lib/access/session_service.h"
#include "lib/event/stream.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/scanner.h"

#include "imapd/imap/search_contexts.h"

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

class Notifier;

class Session {
  public:
    Session(User& user, Stream& stream);
    ~Session();

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

    // Takes `size` bytes of the client, piece by piece.
    template <class Take>
    [[nodiscard]] Task<void> receive(std::uint64_t size, Take take) {
        while (size > 0) {
            if (input().empty()) {
                co_await read_more();
            }
            std::string_view piece = input();
            piece = piece.substr(
                0, static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size)));
            take(piece);
            size -= piece.size();
            consume(piece.size());
        }
    }

    // The line behind a message that was received, to its end or to the next message.
    [[nodiscard]] Task<imap::CommandReader::Event> receive_line();

    // A mailbox's name as the client writes it, which is UTF-8 once that is enabled; nothing where
    // it is not.
    [[nodiscard]] std::optional<std::string> name_from_client(std::string_view text) const;
    // And the other way, as an astring.
    void append_name(std::string& out, std::string_view name) const;

    // The session has no mailbox any longer.
    void leave_mailbox();

    // The client has put these messages there: it need not be told.
    void expect_arrivals(const std::string& mailbox, const std::vector<std::uint32_t>& uids);

    void hang_up() { done_ = true; }

    // What is offered now.
    [[nodiscard]] std::string capabilities() const;

    bool compressed() const { return compressed_; }

    // What asks for modification sequences makes them be told from then on (RFC 7162 3.1).  False
    // where the selected mailbox has none.
    bool enable_condstore();

    // "[HIGHESTMODSEQ 123] TEXT" behind a command that has expunged messages (RFC 7162 3.2.7).
    [[nodiscard]] std::string with_highest_modseq(std::string text) const;

    // Once the answer to the command at hand is out.
    void compress_next() { compress_next_ = true; }

    User& user;
    Stream& stream;
    Enabled enabled;
    std::unique_ptr<Selected> selected;
    SearchContexts contexts;             // of the selected mailbox
    std::unique_ptr<Notifier> notifier;  // null until the client says NOTIFY
    imap::CommandReader reader;
    std::string early_input;  // handed over with the connection; comes before the stream's

    std::string_view input() const {
        return early_input.empty() ? stream.buffered() : std::string_view(early_input);
    }

    void consume(std::size_t count);

  private:
    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<void> await_input();
    [[nodiscard]] Task<void> wait_quietly();
    [[nodiscard]] Task<void> fetch_arrived(std::vector<std::uint32_t> uids);
    void follow(SessionRecord* record);
    void show_state(std::string_view state) const;
    // A whole command is in the reader, or APPEND's message is next.
    [[nodiscard]] Task<imap::CommandReader::Event> next_event();
    [[nodiscard]] Task<imap::CommandReader::Event> read_event();
    [[nodiscard]] Task<void> handle_command(imap::CommandReader::Event event);
    [[nodiscard]] Task<Reply> run_command(Command& command);
    [[nodiscard]] Task<void> skip_messages();
    [[nodiscard]] Task<void> start_compression();
    void answer(std::string_view tag, const Reply& reply);
    void greet(const SessionStart& start);

    bool done_ = false;
    int bad_commands_ = 0;
    SessionRecord* record_ = nullptr;
    bool compress_next_ = false;
    bool compressed_ = false;
};

}  // namespace relais
