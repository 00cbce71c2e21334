#include "lib/sync/doveadm_client.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"
#include "lib/sync/guarded.h"
#include "lib/sync/replica.h"

namespace relais {

namespace {

using Kind = doveadm_wire::Piece::Kind;

constexpr std::size_t kLongestLine = 1000;
constexpr std::string_view kTheirHello = "VERSION\tdoveadm-client\t1\t";

std::unexpected<Error> nonsense(std::string_view what) {
    return fail(Errc::kTemporary, format("the server makes no sense: {}", what));
}

std::unexpected<Error> hung_up() {
    return fail(Errc::kClosed, "the server has hung up");
}

}  // namespace

DoveadmClient::DoveadmClient(DoveadmAccount account, Log log)
    : account_(std::move(account)), log_(std::move(log)) {
}

DoveadmClient::~DoveadmClient() = default;

Task<Result<UniqueFd>> DoveadmClient::reach() {
    if (connected_) {
        co_return std::move(connected_);
    }
    const Deadline deadline = Deadline::after(account_.patience);
    co_return is_socket() ? co_await connect_unix(account_.address, deadline)
                          : co_await connect_inet_name(account_.address, deadline);
}

Task<Result<void>> DoveadmClient::open() {
    auto fd = co_await reach();
    if (!fd) {
        co_return fail_with(fd);
    }
    stream_ = std::make_unique<Stream>(std::move(*fd));
    stream_->set_timeout(account_.patience);
    if (account_.tls == ServerTlsUse::kNo) {
        co_return Result<void>();
    }
    const std::string host =
        is_socket() ? account_.address : split_inet_name(account_.address).first;
    ServerTls::Peer peer{account_.address, host, account_.patience};
    co_return co_await tls_.start(stream_.get(), account_.tls_settings, std::move(peer));
}

// Of what comes before the frames.
Task<Result<std::string>> DoveadmClient::read_line() {
    for (;;) {
        const std::string_view input = stream_->buffered();
        const std::size_t end = input.find('\n');
        if (std::min(end, input.size()) > kLongestLine) {
            co_return nonsense("a line that is too long");
        }
        if (end != std::string_view::npos) {
            std::string line(input.substr(0, end));
            stream_->consume(end + 1);
            co_return line;
        }
        const bool filled = co_await stream_->fill();
        if (!filled) {
            co_return hung_up();
        }
    }
}

Task<Result<void>> DoveadmClient::log_in() {
    stream_->write(doveadm_wire::kHello);
    auto wish = co_await read_line();
    framed_ = wish && wish->starts_with(kTheirHello);
    if (framed_) {
        wish = co_await read_line();
    }
    if (!wish) {
        co_return fail_with(wish);
    }
    if (*wish == "-" && account_.password.empty()) {
        co_return fail(Errc::kDenied, "the server wants a password (doveadm_password)");
    }
    if (*wish == "-") {
        stream_->write(doveadm_wire::login_line(account_.password));
        wish = co_await read_line();
    }
    const bool in = wish && *wish == "+";
    co_return in            ? Result<void>()
    : !wish || *wish == "-" ? fail(Errc::kDenied, "the server refuses the password")
                            : nonsense(printable(wish->substr(0, 100)));
}

Task<Result<void>> DoveadmClient::connect() {
    if (over_) {
        co_return fail(Errc::kClosed, "the conversation is over");
    }
    auto opened = co_await open();
    co_return opened ? co_await log_in() : opened;
}

Task<Result<void>> DoveadmClient::more() {
    if (answers_.size() > 2 * kLargestSyncText) {
        co_return nonsense("a value that is too large");
    }
    const bool filled = !stream_->buffered().empty() || co_await stream_->fill();
    if (!filled) {
        co_return hung_up();
    }
    std::vector<std::string> lines;
    Result<void> taken;
    if (framed_) {
        taken = frames_.take(stream_->buffered(), answers_, lines);
    } else {
        answers_ += stream_->buffered();
    }
    stream_->consume(stream_->buffered().size());
    for (const std::string& line : lines) {
        log_(line);
    }
    co_return taken;
}

Task<Result<std::string>> DoveadmClient::converse(Request request, Take take) {
    if (!stream_) {
        auto connected = co_await connect();
        if (!connected) {
            co_return fail_with(connected);
        }
    }
    stream_->write(doveadm_wire::command_line(request.user, request.words));
    if (request.has_input) {
        stream_->write(doveadm_wire::dotted(request.input));
    }
    std::size_t known = 0;
    for (std::size_t taken = 0;;) {
        auto piece = doveadm_wire::next_piece(std::string_view(answers_).substr(taken), known);
        taken += piece.size;
        known = 0;
        if (piece.kind == Kind::kValue) {
            auto good = take(std::move(piece.value));
            if (!good) {
                co_return fail_with(good);
            }
            continue;
        }
        answers_.erase(0, taken);
        taken = 0;
        if (piece.kind == Kind::kEnd) {
            co_return piece.value;
        }
        known = answers_.size();
        auto come = co_await more();
        if (!come) {
            co_return fail_with(come);
        }
    }
}

Task<Result<std::string>> DoveadmClient::command(Request request, Take take) {
    auto talk = converse(std::move(request), std::move(take));
    auto done = co_await guarded(std::move(talk));
    if (!done) {
        over_ = true;
        stream_.reset();
        co_return fail(Errc::kClosed, format("{}: {}", account_.address, done.error().message));
    }
    co_return done;
}

}  // namespace relais
