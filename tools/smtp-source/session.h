// One of smtp-source's sessions: connects and sends messages until none are left.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/load/source.h"

#include "tools/smtp-source/message.h"

namespace relais::smtp_source {

struct Plan {
    bool lmtp = false;                // -L
    bool says_helo = true;            // not with -o
    bool keeps_connection = false;    // -d
    bool goes_on = false;             // -A: an unexpected reply is only a warning
    bool numbers_recipients = false;  // -N
    bool pipelines = false;           // -P
};

class Session {
  public:
    Session(load::Source& source, const Plan& plan, const Content& content, int number)
        : source_(source), plan_(plan), content_(content), number_(number) {}

    // Ends the process where the server does not do what it should.
    [[nodiscard]] Task<void> run();

  private:
    struct Reply {
        int code = 0;
        std::string text;  // without the codes; only of one that is not 2xx or 3xx, or of EHLO's

        bool is(int klass) const { return code / 100 == klass; }
    };

    [[nodiscard]] Task<void> connection();
    [[nodiscard]] Task<void> hello();
    [[nodiscard]] Task<void> messages(Stream& stream);
    [[nodiscard]] Task<bool> envelope_in_steps();
    [[nodiscard]] Task<bool> envelope_at_once();
    [[nodiscard]] Task<void> end_of_data();
    [[nodiscard]] Task<void> reset();
    [[nodiscard]] Task<Reply> reply();
    [[nodiscard]] Task<bool> expect(int klass, std::string_view what);

    void write(std::string_view command);
    void write_envelope();
    std::string recipient(int index);
    bool take_reply(Reply& reply);
    void refused(std::string_view what, const Reply& reply) const;

    load::Source& source_;
    const Plan& plan_;
    const Content& content_;
    int number_;

    Stream* stream_ = nullptr;
    std::string_view doing_;      // for the words that end the process
    std::string partial_;         // the lines so far of a reply of several
    std::size_t reply_size_ = 0;  // bytes of it so far
    bool keep_text_ = false;
    bool pipelining_ = false;        // agreed on
    bool envelope_written_ = false;  // the next message's, behind the content of the last one
    int recipients_accepted_ = 0;
    int sent_ = 0;
};

}  // namespace relais::smtp_source
