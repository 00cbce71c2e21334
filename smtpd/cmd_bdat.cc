// BDAT: content in chunks.  What follows the command is content whatever becomes of it, so it is
// read to its end before the reply; where it cannot be told how much that is, the session ends.
// RFC 3030
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"

#include "smtpd/chunks.h"
#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Waits for more of the chunk; what has arrived of it.
Task<std::string_view> chunk_input(Session& session, std::uint64_t missing) {
    auto& stream = *session.stream;
    if (stream.buffered().empty()) {
        const bool more = co_await stream.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
    co_return stream.buffered().substr(0, missing);
}

// Reads the chunk and forgets it.  Unless it is the last one, those to come are refused as well.
Task<Outcome> skip_chunk(Session& session, smtp::Chunk chunk, std::string refusal) {
    auto deadline = content_deadline(session);
    for (auto missing = chunk.size; missing > 0;) {
        const auto input = co_await chunk_input(session, missing);
        missing -= input.size();
        deadline.credit(input.size());
        session.stream->consume(input.size());
    }
    if (chunk.last) {
        session.reset_mail();
    } else {
        session.mail.chunks_failed = true;
    }
    session.reply(refusal);
    co_return Outcome::kFailed;
}

// What is wrong before a byte of the chunk is read.
std::string refuse_chunk(const Session& session, const smtp::Chunk& chunk) {
    const auto& mail = session.mail;
    if (chunk.size == 0 && !chunk.last) {
        log_warning("{}: null BDAT request from {}", session.queue_id(), session.client.label);
        return "551 5.7.1 Null BDAT request";
    }
    if (mail.chunks_failed) {
        return format("551 5.0.0 Discarded {} bytes after earlier error", chunk.size);
    }
    if (mail.recipients == 0) {
        return mail.active() ? "554 5.5.1 Error: no valid recipients"
                             : "503 5.5.1 Error: need RCPT command";
    }
    const auto limit = static_cast<std::uint64_t>(conf().message_size_limit());
    if (limit > 0 && (chunk.size > limit || mail.content_size > limit - chunk.size)) {
        log_warning("{}: BDAT request from {} exceeds message size limit", session.queue_id(),
                    session.client.label);
        return "552 5.3.4 Chunk exceeds message size limit";
    }
    return {};
}

Task<void> read_chunk(Session& session, smtp::Chunk chunk) {
    auto& [decoder, content, mode] = *session.mail.chunks;
    auto deadline = content_deadline(session);
    smtp::DataDecoder::Line line;
    for (auto missing = chunk.size; missing > 0;) {
        const auto whole = co_await chunk_input(session, missing);
        for (auto input = whole; decoder.next(input, line);) {
            content.take(line);
        }
        missing -= whole.size();
        deadline.credit(whole.size());
        session.stream->consume(whole.size());
        co_await content.relieve();
    }
    if (chunk.last && decoder.finish(line)) {
        content.take(line);
    }
}

// The answer to a chunk that others follow.
Task<Outcome> answer_chunk(Session& session, smtp::Chunk chunk, const ContentEnd& end) {
    if (!end.bare_newline && end.problems == 0) {
        session.reply(format("250 2.0.0 Ok: {} bytes", chunk.size));
        co_return Outcome::kDone;
    }
    CleanupReply answer;
    answer.status = end.problems;
    session.reply(end.bare_newline ? refuse_bare_newline(session) : content_refusal(answer));
    session.mail.chunks_failed = true;
    if (session.mail.cleanup) {
        (void)co_await session.mail.cleanup->flush();
    }
    co_return Outcome::kFailed;
}

}  // namespace

Task<Outcome> cmd_bdat(Session& session, const CommandInput& input) {
    if ((session.discarded & kEhloChunking) != 0) {
        session.reply("521 5.5.1 Error: command not implemented");
        co_return Outcome::kFailed;
    }
    const auto parsed = smtp::parse_bdat(input.line);
    if (!parsed) {
        log_warning("{}: malformed BDAT command syntax from {}: {}", session.queue_id(),
                    session.client.label, printable(input.text.substr(0, 100)));
        session.reply("521 5.5.4 Syntax: BDAT count [LAST]");
        co_return Outcome::kFailed;
    }
    const auto chunk = *parsed;
    auto refusal = refuse_chunk(session, chunk);
    if (refusal.empty() && !session.mail.chunks) {
        refusal = co_await before_content(session);
    }
    if (!refusal.empty()) {
        co_return co_await skip_chunk(session, chunk, std::move(refusal));
    }
    session.where = "BDAT content";
    if (!session.mail.chunks) {
        const auto mode = co_await session.newline_mode();
        begin_content(session);
        session.mail.chunks = std::make_unique<Chunks>(session, mode);
    }
    co_await read_chunk(session, chunk);
    const auto& chunks = *session.mail.chunks;
    ContentEnd end;
    end.problems = chunks.content.problems();
    end.bare_newline =
        chunks.decoder.saw_bare_newline() && session.refuses_bare_newline(chunks.mode);
    if (!chunk.last) {
        co_return co_await answer_chunk(session, chunk, end);
    }
    end.size = format("{} bytes ", session.mail.content_size);
    co_return co_await end_of_message(session, std::move(end));
}

}  // namespace relais::smtpd
