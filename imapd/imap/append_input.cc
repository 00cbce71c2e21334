#include "imapd/imap/append_input.h"

#include <ctime>

#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/imap_url.h"
#include "lib/imap/section.h"

#include "imapd/imap/message_limit.h"
#include "imapd/imap/url_message.h"

namespace relais {

namespace {

using Event = imap::CommandReader::Event;
using Kind = imap::AppendStep::Kind;

constexpr std::uint64_t kMostBinary = std::uint64_t{64} << 20;
constexpr std::uint64_t kLongestUrl = 8192;
constexpr std::uint64_t kPiece = std::uint64_t{64} * 1024;
constexpr int kMostParts = 5000;
constexpr std::size_t kMostMessages = 1000;

Reply too_big() {
    return Reply::no("[TOOBIG] The message is larger than this server allows.");
}

// RFC 4469 5: the URL without what would end the code.
Reply bad_url(std::string_view url, std::string_view why) {
    std::string shown = printable(url.substr(0, 1000));
    std::ranges::replace(shown, ']', '?');
    return Reply::no(format("[BADURL {}] {}", shown, why));
}

}  // namespace

AppendInput::AppendInput(Session& session, Command& command, std::shared_ptr<OpenMailbox> target,
                         imap::AppendParser::Messages messages)
    : session_(session), command_(command), target_(std::move(target)), parser_(messages) {
    parser_.line(command.arguments.rest());
}

Task<std::expected<std::vector<NewMessage>, Reply>> AppendInput::receive() {
    for (;;) {
        imap::AppendStep step = parser_.next();
        if (step.kind == Kind::kDone && !session_.reader.message_follows()) {
            co_return std::move(messages_);
        }
        Outcome outcome = co_await take_step(std::move(step));
        if (!outcome) {
            co_return std::unexpected(std::move(outcome.error()));
        }
    }
}

Task<AppendInput::Outcome> AppendInput::take_step(imap::AppendStep step) {
    switch (step.kind) {
        case Kind::kBegin:
            co_return begin(step);
        case Kind::kText:
            co_return co_await take_literal(step.binary);
        case Kind::kUrl:
            co_return co_await take_url(std::move(step.url));
        case Kind::kUrlLiteral:
            co_return co_await take_url_literal();
        case Kind::kEnd:
            co_return co_await finish_message();
        default:
            co_return std::unexpected(bad_arguments(command_));
    }
}

AppendInput::Outcome AppendInput::begin(const imap::AppendStep& step) {
    std::vector<std::string> flags = step.flags.value_or(std::vector<std::string>());
    // \Recent in the list is the client's mistake, but a common one.
    std::erase_if(flags, [](const std::string& flag) { return iequals(flag, "\\Recent"); });
    auto names = parse_flag_names(flags);
    if (!names) {
        return std::unexpected(bad_arguments(command_));
    }
    if (save_limit() > 0 && files_.size() >= save_limit()) {
        return std::unexpected(over_limit(save_limit()));
    }
    if (files_.size() >= kMostMessages) {
        return std::unexpected(Reply::no("[LIMIT] Too many messages in one command."));
    }
    flags_ = std::move(*names);
    date_ = step.date.value_or(::time(nullptr));
    size_ = 0;
    files_.push_back(std::make_unique<IncomingMessage>(target_->box));
    return {};
}

// So much more of the message at hand.
AppendInput::Outcome AppendInput::grow(std::uint64_t size) {
    auto limit = static_cast<std::uint64_t>(conf().imap_append_size_limit());
    if (++parts_ > kMostParts) {
        return std::unexpected(Reply::no("[LIMIT] Too many parts in one command."));
    }
    if (limit > 0 && (size > limit || size_ + size > limit)) {
        return std::unexpected(too_big());
    }
    size_ += size;
    return {};
}

Task<AppendInput::Outcome> AppendInput::take_literal(bool binary) {
    if (!session_.reader.message_follows()) {
        co_return std::unexpected(bad_arguments(command_));
    }
    std::uint64_t size = session_.reader.literal_size();
    auto grown = grow(size);
    if (!grown || (binary && size > kMostBinary)) {
        co_return grown ? std::unexpected(too_big()) : grown;
    }
    if (session_.reader.literal_sync() == imap::LiteralSync::kWaits) {
        if (size == 0) {
            // Refused before the client goes on.
            co_return std::unexpected(Reply::no("Can't save a zero byte message."));
        }
        session_.stream.write("+ OK\r\n");
    }
    IncomingMessage& file = *files_.back();
    auto keep = [&file, binary](std::string_view piece) {
        binary ? file.write_binary(piece) : file.write(piece);
    };
    co_await session_.receive(size, keep);
    co_return co_await next_line();
}

Task<AppendInput::Outcome> AppendInput::take_url_literal() {
    std::uint64_t size = session_.reader.literal_size();
    if (!session_.reader.message_follows() || size > kLongestUrl) {
        co_return std::unexpected(bad_arguments(command_));
    }
    if (session_.reader.literal_sync() == imap::LiteralSync::kWaits) {
        session_.stream.write("+ OK\r\n");
    }
    std::string url;
    auto keep = [&url](std::string_view piece) { url += piece; };
    co_await session_.receive(size, keep);
    Outcome line = co_await next_line();
    if (!line) {
        co_return line;
    }
    co_return co_await take_url(std::move(url));
}

Task<AppendInput::Outcome> AppendInput::next_line() {
    Event event = co_await session_.receive_line();
    if (event == Event::kHopeless) {
        session_.hang_up();
    }
    if (event != Event::kCommand && event != Event::kMessage) {
        co_return std::unexpected(bad_arguments(command_));
    }
    line_ = session_.reader.last_line();
    parser_.line(line_);
    co_return Outcome();
}

Task<AppendInput::Outcome> AppendInput::take_url(std::string url) {
    auto appended = co_await append_url(url);
    if (appended) {
        co_return Outcome();
    }
    bool large = appended.error().code == Errc::kTooLarge;
    co_return std::unexpected(large ? too_big() : bad_url(url, appended.error().message));
}

Task<Result<void>> AppendInput::append_url(std::string text) {
    auto url = imap::parse_imap_url(text);
    if (!url) {
        co_return fail_with(url);
    }
    auto file = co_await open_url_message(session_, *url);
    if (!file) {
        co_return fail_with(file);
    }
    auto cut = imap::cut_section(file->text(), imap::parse_mime(file->text()), url->section);
    if (!cut) {
        co_return fail(Errc::kNotFound, "The message has no such part");
    }
    imap::FetchItem item;
    item.partial = url->partial;
    imap::SectionRange range = imap::wanted_range(item, cut->wire_size());
    if (!grow(range.count)) {
        co_return fail(Errc::kTooLarge, "The message is too large");
    }
    imap::WireReader reader = cut->reader();
    reader.skip(range.origin);
    while (range.count > 0) {
        std::string piece;
        std::uint64_t size = std::min(range.count, kPiece);
        reader.read(piece, size);
        files_.back()->write(piece);
        range.count -= size;
    }
    co_return Result<void>();
}

Task<AppendInput::Outcome> AppendInput::finish_message() {
    if (size_ == 0) {
        co_return std::unexpected(Reply::no("Can't save a zero byte message."));
    }
    auto message = co_await files_.back()->finish(date_);
    if (!message) {
        co_return std::unexpected(failure(message.error()));
    }
    message->flags.system = flags_.system;
    message->keywords = std::move(flags_.keywords);
    messages_.push_back(std::move(*message));
    co_return Outcome();
}

}  // namespace relais
