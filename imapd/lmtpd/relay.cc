#include "imapd/lmtpd/relay.h"

#include <algorithm>
#include <array>
#include <utility>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/event/errors.h"
#include "lib/smtp/data_encoder.h"

namespace relais::lmtpd {

namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr std::size_t kLongestReply = 20000;
constexpr std::size_t kPiece = 65536;
// How long a server may take to put a message into its mailboxes.
constexpr std::chrono::minutes kDeliveryTime{10};

std::string wire_form(const smtp::Reply& reply) {
    std::string text;
    for (std::string_view line : split_fields(reply.text, '\n')) {
        text += (text.empty() ? "" : "\r\n") + printable(line, '?', Utf8::kYes);
    }
    return text;
}

std::string not_answering(std::string_view path) {
    return format("451 4.4.0 <{}> Remote server not answering", path);
}

// What a server may say of a message or recipient that it does not take.
bool is_refusal(const smtp::Reply& reply) {
    return reply.klass() == 4 || reply.klass() == 5;
}

struct Piece {
    ssize_t size = 0;  // -1: the file cannot be read
    std::string bytes;
};

Task<Piece> read_piece(int fd, std::int64_t offset) {
    auto work = [fd, offset] {
        Piece piece;
        piece.bytes.resize(kPiece);
        piece.size = ::pread(fd, piece.bytes.data(), piece.bytes.size(), offset);
        piece.bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(0, piece.size)));
        return piece;
    };
    co_return co_await run_blocking(std::move(work));
}

// Lines with LF ends, and perhaps a piece of one behind them.
void encode(std::string_view text, smtp::DataEncoder* encoder, std::string* out) {
    while (!text.empty()) {
        auto end = text.find('\n');
        encoder->line(text.substr(0, end),
                      end == std::string_view::npos ? LinePart::kPartial : LinePart::kWhole, *out);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

}  // namespace

Relay::Relay(std::unique_ptr<Stream> stream, ProxyTarget target)
    : stream_(std::move(stream)), target_(std::move(target)) {
}

bool Relay::goes_to(const ProxyTarget& target) const {
    return target.address == target_.address && target.host == target_.host &&
           target.tls == target_.tls && target.certificate == target_.certificate;
}

Task<smtp::Reply> Relay::read_reply() {
    smtp::ReplyParser parser(kLongestReply);
    for (;;) {
        std::string_view input = stream_->buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > kLongestLine || parser.cut_off()) {
            throw IoError("the server says too much");
        }
        if (end != std::string_view::npos) {
            bool complete = parser.line(trim_right(input.substr(0, end), "\r"));
            stream_->consume(end + 1);
            if (complete) {
                co_return parser.take();
            }
            continue;
        }
        bool more = co_await stream_->fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

Task<smtp::Reply> Relay::ask(std::string command) {
    stream_->write(command + "\r\n");
    co_return co_await read_reply();
}

Task<Result<smtp::Reply>> Relay::need(int klass, std::string command) {
    smtp::Reply reply = co_await ask(command);
    if (reply.klass() != klass) {
        co_return fail(Errc::kTemporary, format("{}: {}", command.substr(0, command.find(' ')),
                                                printable(reply.one_line())));
    }
    co_return reply;
}

Task<Result<void>> Relay::greet() {
    auto hello = co_await need(2, format("LHLO {}", conf().myhostname()));
    if (!hello) {
        co_return fail_with(hello);
    }
    capabilities_ = smtp::Capabilities::parse(hello->text);
    co_return Result<void>();
}

// In Dovecot's words, of which a server names those that it takes; the session then begins anew.
Task<Result<void>> Relay::tell_client(ProxiedClient client) {
    auto offered = capabilities_.arguments("XCLIENT");
    if (!offered) {
        co_return Result<void>();
    }
    auto takes = [words = split_words(*offered)](std::string_view name) {
        return std::ranges::find(words, name) != words.end();
    };
    std::string command = "XCLIENT";
    if (client.remote.is_ip() && takes("ADDR")) {
        std::string address = client.remote.host();
        command += format(" ADDR={}{}", address.contains(':') ? "IPV6:" : "", address);
    }
    if (client.remote.is_ip() && takes("PORT")) {
        command += format(" PORT={}", client.remote.port());
    }
    if (takes("TTL")) {
        command += format(" TTL={}", client.hops_left);
    }
    if (!command.contains(' ')) {
        co_return Result<void>();
    }
    auto told = co_await need(2, std::move(command));
    co_return told ? co_await greet() : fail_with(told);
}

Task<Result<void>> Relay::begin(ProxyBackends* backends, RelayedMail mail) {
    smtp::Reply greeting = co_await read_reply();
    if (greeting.klass() != 2) {
        co_return fail(Errc::kTemporary, printable(greeting.one_line()));
    }
    auto greeted = co_await greet();
    if (greeted && target_.tls == ProxyTarget::Tls::kStartTls) {
        auto ready = co_await need(2, "STARTTLS");
        greeted = ready ? co_await backends->start_tls(stream_.get(), &target_) : fail_with(ready);
        if (greeted) {
            greeted = co_await greet();
        }
    }
    if (greeted) {
        greeted = co_await tell_client(mail.client);
    }
    if (!greeted) {
        co_return greeted;
    }
    if (mail.utf8 && !capabilities_.has("SMTPUTF8")) {
        co_return fail(Errc::kDenied, "the server takes no SMTPUTF8");
    }
    auto from =
        co_await need(2, format("MAIL FROM:<{}>{}", mail.sender, mail.utf8 ? " SMTPUTF8" : ""));
    co_return from ? Result<void>() : fail_with(from);
}

Task<Result<std::unique_ptr<Relay>>> Relay::open(ProxyBackends* backends, ProxyTarget target,
                                                 RelayedMail mail) {
    std::string trouble = "the server takes too long";
    try {
        auto stream = co_await backends->connect(target, mail.client);
        if (!stream) {
            co_return fail_with(stream);
        }
        std::unique_ptr<Relay> relay(new Relay(std::move(*stream), std::move(target)));
        auto begun = co_await relay->begin(backends, std::move(mail));
        if (!begun) {
            co_return fail_with(begun);
        }
        // From now on it is as slow as its disk.
        relay->stream_->set_deadline(Deadline());
        co_return relay;
    } catch (const TimedOut&) {
    } catch (const IoError& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, trouble);
}

Task<Relay::Answer> Relay::add(std::string path) {
    try {
        if (!broken_) {
            smtp::Reply reply = co_await ask(format("RCPT TO:<{}>", path));
            bool taken = reply.klass() == 2;
            if (taken) {
                taken_.push_back(path);
            }
            if (taken || is_refusal(reply)) {
                co_return Answer{taken, wire_form(reply)};
            }
            broken_ = true;
        }
    } catch (const TimedOut&) {
        broken_ = true;
    } catch (const IoError&) {
        broken_ = true;
    }
    co_return Answer{false, not_answering(path)};
}

Task<void> Relay::send_content(const RelayedContent* content) {
    smtp::DataEncoder encoder;
    std::string out;
    encode(content->added, &encoder, &out);
    std::int64_t offset = content->skipped;
    for (;;) {
        stream_->write(std::exchange(out, ""));
        co_await stream_->flush();
        Piece piece = co_await read_piece(content->fd, offset);
        if (piece.size < 0) {
            throw IoError("the message cannot be read");  // its end must not be sent
        }
        if (piece.size == 0) {
            break;
        }
        offset += piece.size;
        encode(piece.bytes, &encoder, &out);
    }
    encoder.finish(out);
    stream_->write(out);
}

// RFC 2033 4.2.  A server that does not want the content says so for all of them.
Task<void> Relay::converse_about(const RelayedContent* content, std::vector<std::string>* replies) {
    smtp::Reply go = co_await ask("DATA");
    if (is_refusal(go)) {
        replies->assign(taken_.size(), wire_form(go));
        co_return;
    }
    if (go.klass() != 3) {
        throw IoError("no answer to DATA: " + printable(go.one_line()));
    }
    co_await send_content(content);
    stream_->set_timeout(kDeliveryTime);
    while (replies->size() < taken_.size()) {
        smtp::Reply reply = co_await read_reply();
        if (reply.klass() != 2 && !is_refusal(reply)) {
            throw IoError("no answer to a message: " + printable(reply.one_line()));
        }
        replies->push_back(wire_form(reply));
    }
    stream_->write("QUIT\r\n");
    co_await stream_->flush();
}

Task<std::vector<std::string>> Relay::send(RelayedContent content) {
    std::vector<std::string> replies;
    try {
        if (!broken_ && !taken_.empty()) {
            co_await converse_about(&content, &replies);
        }
    } catch (const TimedOut&) {
        log_warning("{}: the server takes too long", target_.name());
    } catch (const IoError& error) {
        log_warning("{}: {}", target_.name(), error.what());
    }
    while (replies.size() < taken_.size()) {
        replies.push_back(not_answering(taken_[replies.size()]));
    }
    co_return replies;
}

}  // namespace relais::lmtpd
