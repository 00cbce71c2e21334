// What smtp-sink is told: the commands it knows, and what happens at each of them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relais::smtp_sink {

// kConnect and kDot are no commands, but the options name them like one.
enum class Verb {
    kConnect,
    kHelo,
    kEhlo,
    kLhlo,
    kXclient,
    kXforward,
    kAuth,
    kMail,
    kRcpt,
    kData,
    kDot,
    kRset,
    kNoop,
    kVrfy,
    kQuit,
};

inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::kQuit) + 1;

[[nodiscard]] std::optional<Verb> verb_of(std::string_view word);
[[nodiscard]] std::string_view name_of(Verb verb);

// Any of these may be set.  The first one counts, in this order.
struct AtVerb {
    bool unknown = false;           // as if there were no such command
    bool hangs_up = false;          // -q
    bool closes = false;            // -Q: 421 first
    bool hard_error = false;        // -f
    bool soft_error = false;        // -r
    bool is_logged = false;         // -s
    std::chrono::seconds delay{0};  // -W, -w
    int delay_odds = 0;             // the delay comes as often as a hundred-sided die says
};

struct Settings {
    std::array<AtVerb, kVerbs> verbs;

    AtVerb& at(Verb verb) { return verbs[static_cast<std::size_t>(verb)]; }

    const AtVerb& at(Verb verb) const { return verbs[static_cast<std::size_t>(verb)]; }

    std::string host_name = "smtp-sink";                         // -h
    std::string soft_reply = "450 4.3.0 Error: command failed";  // -b
    std::string hard_reply = "500 5.3.0 Error: command failed";  // -B
    std::chrono::seconds timeout{100};                           // -t
    std::optional<std::chrono::seconds> abort_delay;             // -A
    std::chrono::seconds data_read_delay{0};                     // -H
    std::size_t max_sessions = 256;                              // -m
    int quit_after_sessions = 0;                                 // -n
    int quit_after_messages = 0;                                 // -M
    bool counts = false;                                         // -c
    bool lmtp = false;                                           // -L
    bool esmtp = true;                                           // not with -e
    bool looks_like_pix = false;                                 // -P
    bool offers_8bitmime = true, offers_auth = true, offers_xclient = true, offers_dsn = true;
    bool offers_xforward = true, offers_status_codes = true, offers_pipelining = true;
    std::string dump_template;  // -d, -D
    bool dumps_append = false;  // -D: all messages in one file
    bool dumps_twice = false;   // both, which is a mistake
    std::string start_string;   // -S

    // Which of the three greetings is none of this server's; call it last.
    void complete();
};

// A list of commands ("RCPT, DATA ."), for one of -q -Q -f -r -s; ends the process at a word that
// is none.
void mark_verbs(Settings& settings, std::string_view list, bool AtVerb::* mark);

// "RCPT:5" or "RCPT:5:80" of -W.
void take_delay(Settings& settings, std::string_view argument);

// The reply to EHLO or LHLO, as one text with CRLF line ends.
[[nodiscard]] std::string ehlo_reply(const Settings& settings);

// C's escape sequences, for -S.
[[nodiscard]] std::string unescaped(std::string_view text);

}  // namespace relais::smtp_sink
