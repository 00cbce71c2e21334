// One client of smtp-sink.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"

#include "tools/smtp-sink/capture.h"
#include "tools/smtp-sink/content_scanner.h"
#include "tools/smtp-sink/settings.h"

namespace relais::smtp_sink {

// What the server counts, shows with -c, and ends at.
class Tally {
  public:
    explicit Tally(const Settings& settings) : settings_(settings) {}

    void session_ended();
    // Before the reply to it: with -M the last message gets none.
    void message_received();

    void quit() { ++quits_; }

  private:
    void show() const;

    const Settings& settings_;
    int sessions_ = 0, quits_ = 0, messages_ = 0;
};

class Session {
  public:
    Session(const Settings& settings, Tally& tally, UniqueFd fd)
        : settings_(settings), tally_(tally), stream_(std::move(fd)) {}

    // Until the client leaves or is sent away.
    [[nodiscard]] Task<void> run();

  private:
    enum class Next { kGoOn, kReadMore, kPause, kReadLater, kAbort, kClose };

    [[nodiscard]] Task<void> converse();

    Next take_content();
    Next take_command();
    Next arrive(Verb verb, std::string_view arguments);
    Next answer(Verb verb, std::string_view arguments);
    Next answer_mail(std::string_view arguments);
    Next answer_rcpt(std::string_view arguments);
    Next answer_data();
    Next answer_dot();
    void greet();
    void hello(std::string_view protocol, std::string_view arguments);
    void refuse(Verb verb, const std::string& reply);
    void forget_transaction();
    void note_client();

    const Settings& settings_;
    Tally& tally_;
    Stream stream_;
    ContentScanner content_;
    bool is_welcome_ = true;  // not sent away at once
    bool in_content_ = false;
    bool has_sender_ = false;
    bool transaction_ends_ = false;  // its content has come; a "." by itself ends none
    int recipients_ = 0;

    // What waits for a delay to pass.
    Verb delayed_ = Verb::kConnect;
    std::string delayed_arguments_;
    std::chrono::seconds delay_{0};

    // Only kept where messages are dumped.
    ClientFacts client_;
    std::string hello_, mail_arguments_;
    std::unique_ptr<Capture> capture_;
};

}  // namespace relais::smtp_sink
