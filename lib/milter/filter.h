// The connection with one filter: what it is told, how its answers are taken, and what holds
// instead of an answer when it is absent, too slow or talks nonsense (milter_default_action).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/milter/protocol.h"
#include "lib/milter/settings.h"
#include "lib/milter/verdict.h"

namespace relais::milter {

// Makes the changes that filters ask for when they have seen the whole message.
class Editor {
  public:
    virtual ~Editor() = default;

    // kReply where that failed: then further changes are left out, and the reply is the verdict.
    [[nodiscard]] virtual Task<Verdict> apply(Edit edit) = 0;
};

// The message as filters get to see it, changes of filters before included.
class Content {
  public:
    virtual ~Content() = default;

    // Its headers, without the one that this system put on top; lines of one joined with "\n".
    [[nodiscard]] virtual std::vector<std::string> headers() = 0;

    // The body from its beginning.
    virtual void rewind_body() = 0;

    // The next part of the body, with CRLF: exactly `size` bytes, less only at its end.
    [[nodiscard]] virtual Result<std::string> next_body(std::size_t size) = 0;
};

// Numbers and order are those of Postfix, whose programs pass filters on to each other.
enum class State : std::uint8_t {
    kError = 1,
    kClosed,
    kReady,
    kEnvelope,
    kMessage,
    kAcceptConnection,  // wants no more events of this connection
    kAcceptMessage,     // ... of this message
    kRejectConnection,  // has refused all that follows
};

class Filter {
  public:
    explicit Filter(FilterSettings settings);

    // One that another process has begun to talk with.
    struct Handed {
        FilterSettings settings;
        Options options;
        std::uint32_t missing_events = 0;
        State state = State::kClosed;
        UniqueFd socket;
    };

    explicit Filter(Handed handed);
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    const FilterSettings& settings() const { return settings_; }

    const Options& options() const { return options_; }

    std::uint32_t missing_events() const { return missing_events_; }

    State state() const { return state_; }

    // Takes part in what is still to come of this message.
    bool is_active() const;

    int socket() const { return stream_ ? stream_->fd() : -1; }

    // Another process talks with it from now on: until the next event, this one is not woken by
    // the answers.
    void lend();

    // Connects and agrees on options.  `names` are the lists of macros that hold unless the filter
    // has others; they outlive the task.
    [[nodiscard]] Task<void> connect(const MacroNames* names);

    // An event of the connection or the envelope.  `macros` holds make_macros() of it.
    [[nodiscard]] Task<Verdict> tell(Event event, std::string data, std::string macros);

    // The content of a message, to its end.  Everything must outlive the task.
    struct MessageMacros {
        MacroValues headers, body;
    };

    [[nodiscard]] Task<Verdict> message(Content* content, Editor* editor, MessageMacros macros);

    // The answer to a command that filters are not told of.
    const Verdict& standing() const { return standing_; }

    // The message is over before its time.  Sent with the next event.
    void abort();

    // The connection is over.
    [[nodiscard]] Task<void> quit();

    // What was written reaches the filter.
    [[nodiscard]] Task<void> flush();

  private:
    [[nodiscard]] Task<Result<UniqueFd>> open();
    [[nodiscard]] Task<void> negotiate(Offer offer, const MacroNames* names);
    bool take_options(const Offer& offer, const MacroNames& names, std::string_view data);
    [[nodiscard]] Task<Verdict> send(Event event, std::string data, std::string macros);
    [[nodiscard]] Task<Verdict> answers(Event event);
    [[nodiscard]] Task<std::string> next_packet(Event event);
    bool take_plain_answer(Event event, const Packet& packet, Verdict& verdict);
    Verdict take_reply_code(Event event, std::string_view data);
    [[nodiscard]] Task<bool> take_edit(const Packet* packet);
    Verdict refuse(Event event, Verdict verdict);
    [[nodiscard]] Task<Verdict> send_headers(std::vector<std::string> headers, MacroValues macros);
    [[nodiscard]] Task<Verdict> send_body(MacroValues macros);
    void communication_error();
    void configuration_error();
    void close();

    FilterSettings settings_;
    Options options_;
    std::uint32_t missing_events_ = 0;  // that the protocol's version has not
    State state_ = State::kClosed;
    std::unique_ptr<Stream> stream_;
    Verdict standing_;  // of everything, until the connection ends
    char skipped_ = 0;  // the event that it wants no more of for now

    // While changes are made.
    Content* content_ = nullptr;
    Editor* editor_ = nullptr;
    Verdict edit_failed_;
    bool held_ = false;       // it asked for quarantine, and may go on
    bool in_body_ = false;    // of a replacement
    bool body_done_ = false;  // there was one
};

}  // namespace relais::milter
