#include "lib/access/smtp_backend.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"

namespace relais {

namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr std::size_t kLongestReply = 20000;

}  // namespace

Task<smtp::Reply> SmtpBackend::read_reply() {
    smtp::ReplyParser parser(kLongestReply);
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > kLongestLine || parser.cut_off()) {
            throw IoError("the server says too much");
        }
        if (end != std::string_view::npos) {
            bool complete = parser.line(trim_right(input.substr(0, end), "\r"));
            stream_.consume(end + 1);
            if (complete) {
                co_return parser.take();
            }
            continue;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

Task<smtp::Reply> SmtpBackend::ask(std::string command) {
    stream_.write(command + "\r\n");
    co_return co_await read_reply();
}

Task<Result<smtp::Reply>> SmtpBackend::need(int klass, std::string command) {
    smtp::Reply reply = co_await ask(command);
    if (reply.klass() != klass) {
        co_return fail(Errc::kTemporary, format("{}: {}", command.substr(0, command.find(' ')),
                                                printable(reply.one_line())));
    }
    co_return reply;
}

Task<Result<void>> SmtpBackend::greet(std::string name) {
    auto hello = co_await need(2, format("{} {}", hello_, name));
    if (!hello) {
        co_return fail_with(hello);
    }
    capabilities_ = smtp::Capabilities::parse(hello->text);
    co_return Result<void>();
}

// RFC 3207: what was said before does not count.
Task<Result<void>> SmtpBackend::secure() {
    auto ready = co_await need(2, "STARTTLS");
    auto secured = ready ? co_await backends_.start_tls(&stream_, &target_) : fail_with(ready);
    co_return secured ? co_await greet(conf().myhostname()) : secured;
}

Task<Result<void>> SmtpBackend::begin(std::span<const smtp::XforwardAttribute> client,
                                      std::string client_hello) {
    smtp::Reply greeting = co_await read_reply();
    if (greeting.klass() != 2) {
        co_return fail(Errc::kTemporary, printable(greeting.one_line()));
    }
    auto greeted = co_await greet(conf().myhostname());
    if (greeted && target_.tls == ProxyTarget::Tls::kStartTls) {
        greeted = co_await secure();
    }
    std::string introduction = greeted ? smtp::xclient_command(capabilities_, client) : "";
    if (introduction.empty()) {
        co_return greeted;
    }
    auto told = co_await need(2, std::move(introduction));
    if (client_hello.empty()) {
        client_hello = conf().myhostname();
    }
    co_return told ? co_await greet(std::move(client_hello)) : fail_with(told);
}

std::string passed_reply(const smtp::Reply& reply) {
    std::string text;
    for (std::string_view line : split_fields(reply.text, '\n')) {
        std::string words = printable(line, '?', Utf8::kYes);
        text += text.empty() ? words : "\n" + words.substr(std::min<std::size_t>(4, words.size()));
    }
    return text;
}

std::string xclient_address(const SocketAddress& address) {
    std::string host = address.is_ip() ? address.host() : "";
    return host.contains(':') ? "IPV6:" + host : host;
}

}  // namespace relais
