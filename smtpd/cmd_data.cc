// DATA and the content behind it.  RFC 5321 4.1.1.4
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/smtp/data_decoder.h"

#include "smtpd/content.h"
#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

std::string refuse_data(const Session& session, const CommandInput& input) {
    if (session.mail.chunks_begun()) {
        return "503 5.5.1 Error: DATA after BDAT";
    }
    if (session.mail.recipients == 0) {
        return session.mail.active() ? "554 5.5.1 Error: no valid recipients"
                                     : "503 5.5.1 Error: need RCPT command";
    }
    return input.line.arguments.empty() ? "" : "501 5.5.4 Syntax: DATA";
}

// Takes the content in, until the end of data.
Task<void> read_content(Session& session, smtp::DataDecoder& decoder, ContentWriter& content) {
    auto& stream = *session.stream;
    auto deadline = content_deadline(session);
    for (;;) {
        const auto whole = stream.buffered();
        auto input = whole;
        smtp::DataDecoder::Line line;
        auto step = decoder.next(input, line);
        while (step == smtp::DataDecoder::Step::kLine) {
            content.take(line);
            step = decoder.next(input, line);
        }
        const auto taken = whole.size() - input.size();
        stream.consume(taken);
        if (step == smtp::DataDecoder::Step::kEnd) {
            co_return;
        }
        co_await content.relieve();
        deadline.credit(taken);
        const bool more = co_await stream.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

}  // namespace

Task<Outcome> cmd_data(Session& session, const CommandInput& input) {
    auto refusal = refuse_data(session, input);
    if (refusal.empty()) {
        refusal = co_await before_content(session);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    const auto mode = co_await session.newline_mode();
    session.reply("354 End data with <CR><LF>.<CR><LF>");
    session.where = "DATA content";
    begin_content(session);
    smtp::DataDecoder decoder(mode, static_cast<std::size_t>(conf().line_length_limit()));
    ContentWriter content(session, ContentWriter::Top::kRepaired);
    co_await read_content(session, decoder, content);
    ContentEnd end;
    end.problems = content.problems();
    end.bare_newline = decoder.saw_bare_newline() && session.refuses_bare_newline(mode);
    co_return co_await end_of_message(session, std::move(end));
}

}  // namespace relais::smtpd
