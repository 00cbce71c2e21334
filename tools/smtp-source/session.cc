#include "tools/smtp-source/session.h"

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/load/reply_line.h"

namespace relais::smtp_source {

namespace {

constexpr std::size_t kReplyLimit = 65536;  // bytes of a reply, whatever its lines
// Every recipient of every session has its own number with -N.
int next_recipient = 0;

}  // namespace

Task<void> Session::run() {
    while (source_.take_message()) {
        try {
            co_await connection();
        } catch (const TimedOut&) {
            log_fatal("timeout while {}", doing_);
        } catch (const IoError&) {
            log_fatal("lost connection while {}", doing_);
        }
        if (source_.left() > 0 && source_.pauses()) {
            co_await source_.pause();
        }
    }
}

Task<void> Session::connection() {
    UniqueFd fd = co_await source_.connect();
    Stream stream(std::move(fd));
    stream_ = &stream;
    envelope_written_ = false;
    doing_ = "reading server greeting";
    co_await expect(2, "rejected at server banner");
    co_await hello();
    co_await messages(stream);
    doing_ = "sending message";
    write("QUIT");
    co_await reply();
    load::close_at_once(stream.release());
}

Task<void> Session::hello() {
    pipelining_ = false;
    if (!plan_.says_helo) {
        co_return;
    }
    const std::string& name = source_.options().my_name;
    if (plan_.pipelines) {
        // What is said here decides how to go on, so that it is no failure to be refused.
        doing_ = plan_.lmtp ? "sending LHLO" : "sending EHLO";
        write((plan_.lmtp ? "LHLO " : "EHLO ") + name);
        keep_text_ = true;
        Reply said = co_await reply();
        keep_text_ = false;
        for (auto line : split_fields(said.text, '\n')) {
            pipelining_ = pipelining_ || (said.is(2) && iequals(trim(line), "PIPELINING"));
        }
        if (said.is(2)) {
            co_return;
        }
    }
    doing_ = plan_.lmtp ? "sending LHLO" : "sending HELO";
    write((plan_.lmtp ? "LHLO " : "HELO ") + name);
    co_await expect(2, plan_.lmtp ? "LHLO rejected" : "HELO rejected");
}

// The first message of a connection is taken already.
Task<void> Session::messages(Stream& stream) {
    for (;;) {
        bool accepted = false;
        if (pipelining_) {
            accepted = co_await envelope_at_once();
        } else {
            accepted = co_await envelope_in_steps();
        }
        bool more = false;
        if (accepted) {
            ++sent_;
            static const pid_t pid = ::getpid();
            std::string content;
            content_.append_to(content, source_.options(),
                               format("{:x}.{:04x}.{:04x}", pid, number_, sent_));
            stream.write(content);
            if (log_verbose() > 0) {
                log_info(".");
            }
            // RFC 2920 3.1: what follows the content may go in one piece with it.
            if (pipelining_ && plan_.keeps_connection && !source_.pauses()) {
                more = source_.take_message();
                if (more) {
                    write_envelope();
                }
            }
            co_await end_of_data();
        } else {
            co_await reset();
        }
        if (!more && !(plan_.keeps_connection && source_.left() > 0)) {
            co_return;
        }
        if (!more) {
            if (source_.pauses()) {
                co_await source_.pause();
            }
            if (!source_.take_message()) {
                co_return;
            }
        }
    }
}

Task<bool> Session::envelope_in_steps() {
    doing_ = "sending sender";
    write("MAIL FROM:<" + source_.options().from + ">");
    bool accepted = co_await expect(2, "sender rejected");
    if (!accepted) {
        co_return false;
    }
    doing_ = "sending recipient";
    recipients_accepted_ = 0;
    for (int index = source_.options().recipients; index > 0; --index) {
        write("RCPT TO:<" + recipient(index) + ">");
        accepted = co_await expect(2, "recipient rejected");
        recipients_accepted_ += accepted ? 1 : 0;
    }
    if (recipients_accepted_ == 0) {
        co_return false;
    }
    doing_ = "sending DATA command";
    write("DATA");
    co_return co_await expect(3, "data rejected");
}

void Session::write_envelope() {
    write("MAIL FROM:<" + source_.options().from + ">");
    for (int index = source_.options().recipients; index > 0; --index) {
        write("RCPT TO:<" + recipient(index) + ">");
    }
    write("DATA");
    envelope_written_ = true;
}

Task<bool> Session::envelope_at_once() {
    if (!envelope_written_) {
        write_envelope();
    }
    envelope_written_ = false;
    doing_ = "sending sender";
    co_await expect(2, "sender rejected");
    doing_ = "sending recipient";
    recipients_accepted_ = 0;
    for (int index = source_.options().recipients; index > 0; --index) {
        bool accepted = co_await expect(2, "recipient rejected");
        recipients_accepted_ += accepted ? 1 : 0;
    }
    doing_ = "sending DATA command";
    bool wanted = co_await expect(3, "data rejected");
    if (wanted && recipients_accepted_ == 0) {
        // RFC 2920 3.1: the server waits for content all the same.
        write(".");
        co_await end_of_data();
        wanted = false;
    }
    co_return wanted;
}

// LMTP answers once for each recipient that it has accepted (RFC 2033 4.2).  A message that was
// refused counts, too.
Task<void> Session::end_of_data() {
    doing_ = "sending message";
    bool is_counted = false;
    for (int replies = plan_.lmtp ? recipients_accepted_ : 1; replies > 0; --replies) {
        Reply got = co_await reply();
        if (!is_counted) {
            source_.delivered();
            is_counted = true;
        }
        if (!got.is(2)) {
            refused("end of data rejected", got);
        }
    }
}

Task<void> Session::reset() {
    write("RSET");
    co_await reply();
}

std::string Session::recipient(int index) {
    const std::string& to = source_.options().to;
    if (plan_.numbers_recipients) {
        return std::to_string(++next_recipient) + to;
    }
    return index > 1 ? std::to_string(index) + to : to;
}

void Session::write(std::string_view command) {
    if (log_verbose() > 0) {
        log_info("{}", command);
    }
    stream_->write(command);
    stream_->write("\r\n");
}

Task<bool> Session::expect(int klass, std::string_view what) {
    Reply got = co_await reply();
    if (!got.is(klass)) {
        refused(what, got);
    }
    co_return got.is(klass);
}

Task<Session::Reply> Session::reply() {
    Reply got;
    while (!take_reply(got)) {
        bool more = co_await stream_->fill();
        if (!more) {
            throw EndOfStream();
        }
    }
    co_return got;
}

void Session::refused(std::string_view what, const Reply& reply) const {
    std::string text = format("{}: {} {}", what, reply.code, reply.text);
    if (!plan_.goes_on) {
        log_fatal("{}", text);
    }
    log_warning("{}", text);
}

// A whole reply off what has arrived; false where there is none yet.
bool Session::take_reply(Reply& reply) {
    for (;;) {
        std::string_view input = stream_->buffered();
        auto end = input.find('\n');
        if (end == std::string_view::npos) {
            if (input.size() > kReplyLimit) {
                log_fatal("reply is too long while {}", doing_);
            }
            return false;
        }
        std::string_view line = trim_right(input.substr(0, end), "\r");
        if (log_verbose() > 0) {
            log_info("<<< {}", line);
        }
        load::ReplyLine part = load::split_reply_line(line);
        bool is_bad = part.code / 100 != 2 && part.code / 100 != 3;
        if (is_bad || keep_text_) {
            partial_ += partial_.empty() ? "" : "\n";
            partial_ += part.text;
        }
        stream_->consume(end + 1);
        reply_size_ += end + 1;
        if (reply_size_ > kReplyLimit) {
            log_fatal("reply is too long while {}", doing_);
        }
        if (part.is_last) {
            reply_size_ = 0;
            reply.code = part.code;
            reply.text = std::exchange(partial_, {});
            return true;
        }
    }
}

}  // namespace relais::smtp_source
