#include "lib/sync/imap_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/sasl/bearer_client.h"
#include "lib/sync/guarded.h"
#include "lib/sync/imap_responses.h"
#include "lib/sync/replica.h"

namespace relais {

namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kMostPieces = 1000;  // literals in a response

std::unexpected<Error> nonsense(std::string_view what) {
    return fail(Errc::kTemporary, format("the server makes no sense: {}", what));
}

Result<void> take_nothing(std::string_view /*response*/) {
    return {};
}

}  // namespace

std::optional<std::string> quoted_imap_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte < ' ' || byte == 0x7f) {
            return std::nullopt;
        }
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

ImapClient::ImapClient(ImapAccount account) : account_(std::move(account)) {
    if (account_.port.empty()) {
        account_.port = account_.tls == ImapAccount::Tls::kImmediate ? "993" : "143";
    }
}

ImapClient::~ImapClient() = default;

std::string ImapClient::peer() const {
    return format("{}:{}", account_.host, account_.port);
}

Task<Result<void>> ImapClient::start_tls() {
    ServerTls::Peer server{peer(), account_.host, account_.patience};
    return tls_.start(stream_.get(), account_.tls_settings, std::move(server));
}

Task<Result<void>> ImapClient::greet() {
    auto line = co_await read_response();
    if (!line) {
        co_return fail_with(line);
    }
    bool good = istarts_with(*line, "* OK") || istarts_with(*line, "* PREAUTH");
    co_return good ? Result<void>()
                   : fail(Errc::kTemporary, "the server says: " + printable(line->substr(0, 200)));
}

Task<Result<void>> ImapClient::connect() {
    auto fd = co_await connect_inet_name(peer(), Deadline::after(account_.patience));
    if (!fd) {
        co_return fail(Errc::kTemporary, fd.error().message);
    }
    stream_ = std::make_unique<Stream>(std::move(*fd));
    stream_->set_timeout(account_.patience);
    if (account_.tls == ImapAccount::Tls::kImmediate) {
        auto begun = co_await start_tls();
        if (!begun) {
            co_return begun;
        }
    }
    auto greeted = co_await greet();
    if (!greeted || account_.tls != ImapAccount::Tls::kStartTls) {
        co_return greeted;
    }
    auto agreed = co_await converse("STARTTLS", {}, take_nothing);
    co_return agreed ? co_await start_tls() : agreed;
}

// LOGIN, which every server has, unless a master user logs in, or it would take literals, or
// another way is wanted.
Task<Result<void>> ImapClient::authenticate() {
    auto user = quoted_imap_string(account_.user);
    auto password = quoted_imap_string(account_.password);
    bool plain = user && password && is_ascii(*user) && is_ascii(*password);
    bool any = account_.mechanism.empty() || account_.mechanism == "LOGIN";
    if (any && account_.master_user.empty() && plain) {
        std::string login = format("LOGIN {} {}", *user, *password);
        co_return co_await converse(std::move(login), {}, take_nothing);
    }
    co_return co_await authenticate_with(any ? "PLAIN" : account_.mechanism);
}

Task<Result<void>> ImapClient::authenticate_with(std::string mechanism) {
    std::vector<std::string> replies;
    if (is_bearer_mechanism(mechanism)) {
        auto response = bearer_response(mechanism, account_.user, account_.password, account_.host);
        if (!response) {
            co_return fail(Errc::kSyntax, "the name or the token cannot be said");
        }
        replies = {base64_encode(*response), base64_encode(bearer_end(mechanism))};
    } else {
        std::string response = account_.master_user.empty() ? "" : account_.user;
        response += '\0';
        response += account_.master_user.empty() ? account_.user : account_.master_user;
        response += '\0';
        response += account_.password;
        replies = {base64_encode(response)};
    }
    std::string command = "AUTHENTICATE " + mechanism;
    co_return co_await converse(std::move(command), std::move(replies), take_nothing);
}

Task<Result<void>> ImapClient::log_in() {
    if (stream_) {
        co_return Result<void>();
    }
    if (over_) {
        co_return fail(Errc::kClosed, peer() + ": the conversation is over");
    }
    auto done = co_await guarded(connect());
    if (done) {
        done = co_await guarded(authenticate());
    }
    if (!done) {
        over_ = true;
        stream_.reset();
        co_return fail(done.error().code, format("{}: {}", peer(), done.error().message));
    }
    co_return done;
}

Task<Result<void>> ImapClient::command(std::string text, Take take) {
    auto ready = co_await log_in();
    if (!ready) {
        co_return fail(Errc::kClosed, ready.error().message);
    }
    auto talk = converse(std::move(text), {}, std::move(take));
    auto done = co_await guarded(std::move(talk));
    if (!done && done.error().code != Errc::kDenied) {
        over_ = true;
        stream_.reset();
        co_return fail(Errc::kClosed, format("{}: {}", peer(), done.error().message));
    }
    co_return done;
}

Task<Result<void>> ImapClient::converse(std::string text, std::vector<std::string> replies,
                                        Take take) {
    auto reply = replies.begin();
    // However the answer drips in.
    stream_->set_deadline(Deadline::after(account_.patience * 4));
    std::string tag = format("r{}", ++tag_);
    stream_->write(format("{} {}\r\n", tag, text));
    for (;;) {
        auto response = co_await read_response();
        if (!response) {
            co_return fail_with(response);
        }
        if (response->starts_with("* ")) {
            std::string_view rest = std::string_view(*response).substr(2);
            if (istarts_with(rest, "BYE")) {
                co_return fail(Errc::kClosed,
                               "the server says: " + printable(response->substr(0, 200)));
            }
            auto taken = take(rest);
            if (!taken) {
                co_return taken;
            }
        } else if (response->starts_with(tag + " ")) {
            std::string_view rest = std::string_view(*response).substr(tag.size() + 1);
            bool good = istarts_with(rest, "OK");
            co_return good
                ? Result<void>()
                : fail(Errc::kDenied, "the server says: " + printable(rest.substr(0, 200)));
        } else if (response->starts_with("+") && reply != replies.end()) {
            stream_->write(*reply++ + "\r\n");
        } else {
            co_return nonsense(printable(response->substr(0, 100)));
        }
    }
}

Task<Result<std::string>> ImapClient::read_line() {
    for (;;) {
        std::string_view input = stream_->buffered();
        auto end = input.find("\r\n");
        if (std::min(end, input.size()) > kLongestLine) {
            co_return nonsense("a line that is too long");
        }
        if (end != std::string_view::npos) {
            std::string line(input.substr(0, end));
            stream_->consume(end + 2);
            co_return line;
        }
        bool more = co_await stream_->fill();
        if (!more) {
            co_return fail(Errc::kClosed, "the server has hung up");
        }
    }
}

Task<Result<void>> ImapClient::read_literal(std::uint64_t size, std::string* into) {
    while (size > 0) {
        std::string_view input = stream_->buffered();
        auto count = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), size));
        into->append(input.substr(0, count));
        stream_->consume(count);
        size -= count;
        if (size > 0) {
            bool more = co_await stream_->fill();
            if (!more) {
                co_return fail(Errc::kClosed, "the server has hung up");
            }
        }
    }
    co_return Result<void>();
}

// A line, with the literals in it and what follows them.
Task<Result<std::string>> ImapClient::read_response() {
    std::string response;
    for (std::size_t i = 0; i < kMostPieces; ++i) {
        auto line = co_await read_line();
        if (!line) {
            co_return line;
        }
        auto literal = imap::literal_at_end(*line);
        response += *line;
        if (!literal) {
            co_return response;
        }
        if (*literal > kLargestSyncText || response.size() + *literal > kLargestSyncText) {
            co_return nonsense("a literal that is too large");
        }
        response += "\r\n";
        auto read = co_await read_literal(*literal, &response);
        if (!read) {
            co_return fail_with(read);
        }
    }
    co_return nonsense("too many literals");
}

}  // namespace relais
