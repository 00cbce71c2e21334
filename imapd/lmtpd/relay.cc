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

Relay::Relay(std::unique_ptr<Stream> stream, ProxyTarget target, ProxyBackends& backends)
    : stream_(std::move(stream)),
      target_(std::move(target)),
      server_(*stream_, backends, target_, "LHLO") {
}

bool Relay::goes_to(const ProxyTarget& target) const {
    return target.address == target_.address && target.host == target_.host &&
           target.tls == target_.tls && target.certificate == target_.certificate;
}

Task<Result<void>> Relay::begin(RelayedMail mail) {
    const ProxiedClient& client = mail.client;
    std::string address = xclient_address(client.remote);
    std::string port = address.empty() ? "" : std::to_string(client.remote.port());
    std::string hops = std::to_string(client.hops_left);
    const std::array<smtp::XforwardAttribute, 3> introduction = {
        {{"ADDR", address}, {"PORT", port}, {"TTL", hops}}};
    auto greeted = co_await server_.begin(introduction);
    if (!greeted) {
        co_return greeted;
    }
    if (mail.utf8 && !server_.capabilities().has("SMTPUTF8")) {
        co_return fail(Errc::kDenied, "the server takes no SMTPUTF8");
    }
    auto from = co_await server_.need(
        2, format("MAIL FROM:<{}>{}", mail.sender, mail.utf8 ? " SMTPUTF8" : ""));
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
        std::unique_ptr<Relay> relay(new Relay(std::move(*stream), std::move(target), *backends));
        auto begun = co_await relay->begin(std::move(mail));
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
            smtp::Reply reply = co_await server_.ask(format("RCPT TO:<{}>", path));
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
    smtp::Reply go = co_await server_.ask("DATA");
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
        smtp::Reply reply = co_await server_.read_reply();
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
