// APPEND.  RFC 3501 6.3.11, APPENDUID of RFC 4315.  The message goes straight from the connection
// to a file in tmp/; what is stored has LF line ends, like everything that is delivered here.
#include <array>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/imap/dates.h"
#include "lib/store/file_sink.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

constexpr std::uint64_t kMostSkipped = std::uint64_t{1} << 30;

struct AppendRequest {
    std::string mailbox;
    FlagNames flags;
    std::optional<std::int64_t> date;
};

// What stands before the literal: mailbox [flags] [date]
std::optional<AppendRequest> parse_append(Session& session, Command& command) {
    imap::Scanner& scanner = command.arguments;
    AppendRequest request;
    auto name = scanner.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || !scanner.space()) {
        return std::nullopt;
    }
    request.mailbox = std::move(*name);
    if (scanner.peek() == '(') {
        auto flags = scanner.flag_list(imap::Scanner::Parentheses::kNeeded);
        // \Recent in the list is the client's mistake, but a common one.
        std::erase_if(flags ? *flags : flags.emplace(),
                      [](const std::string& flag) { return iequals(flag, "\\Recent"); });
        auto names = parse_flag_names(*flags);
        if (!names || !scanner.space()) {
            return std::nullopt;
        }
        request.flags = std::move(*names);
    }
    if (scanner.peek() == '"') {
        auto text = scanner.string();
        request.date = text ? imap::parse_internal_date(*text) : std::nullopt;
        if (!request.date || !scanner.space()) {
            return std::nullopt;
        }
    }
    return scanner.peek() == '{' ? std::optional(std::move(request)) : std::nullopt;
}

// Turns CRLF into LF, across the pieces in which a message comes, and counts what IMAP will show.
class LineEnds {
  public:
    void write(FileSink& sink, std::string_view piece) {
        std::string out;
        out.reserve(piece.size() + 1);
        for (char c : piece) {
            if (held_ && c != '\n') {
                put(out, '\r');
            }
            held_ = c == '\r';
            if (!held_) {
                put(out, c);
            }
        }
        sink.write(out);
    }

    void finish(FileSink& sink) {
        if (held_) {
            std::string out;
            put(out, '\r');
            sink.write(out);
        }
    }

    std::uint64_t wire_size() const { return wire_size_; }

  private:
    void put(std::string& out, char c) {
        wire_size_ += c == '\n' && last_ != '\r' ? 2 : 1;
        last_ = c;
        out += c;
    }

    bool held_ = false;  // a CR whose successor has not come yet
    char last_ = '\0';
    std::uint64_t wire_size_ = 0;
};

// The file in tmp/; removed unless it was taken.
class IncomingMessage {
  public:
    explicit IncomingMessage(const MailboxPlace& place)
        : base_(make_maildir_base(place.host)), path_(place.directory + "/tmp/" + base_) {
        auto fd = open_file(path_, O_WRONLY | O_CREAT | O_EXCL, place.file_mode);
        if (fd) {
            fd_ = std::move(*fd);
            sink_.emplace(fd_.get());
        } else {
            outcome_ = fail_with(fd);
        }
    }

    IncomingMessage(const IncomingMessage&) = delete;
    IncomingMessage& operator=(const IncomingMessage&) = delete;

    ~IncomingMessage() {
        if (fd_) {
            ::unlink(path_.c_str());  // when it was moved away, there is nothing of that name
        }
    }

    void write(std::string_view piece) {
        if (outcome_) {
            lines_.write(*sink_, piece);
        }
    }

    // Makes it durable, with its date, and tells how it is to be stored.
    [[nodiscard]] Task<Result<NewMessage>> finish(std::int64_t date) {
        if (outcome_) {
            lines_.finish(*sink_);
            outcome_ = sink_->finish();
        }
        if (!outcome_) {
            co_return fail_with(outcome_);
        }
        std::array<timespec, 2> times{};
        times[0].tv_nsec = UTIME_OMIT;
        times[1].tv_sec = date;
        ::futimens(fd_.get(), times.data());
        int fd = fd_.get();
        auto sync = [fd] { return ::fsync(fd) == 0 ? 0 : errno; };
        int reason = co_await run_blocking(std::move(sync));
        if (reason != 0) {
            co_return fail_errno("fsync " + path_, reason);
        }
        NewMessage message;
        message.path = path_;
        message.base = format("{},S={},W={}", base_, sink_->written(), lines_.wire_size());
        co_return message;
    }

  private:
    std::string base_;
    std::string path_;
    UniqueFd fd_;
    std::optional<FileSink> sink_;
    LineEnds lines_;
    Result<void> outcome_;
};

// Reads `size` bytes of the client, into the message where there is one.
Task<void> receive(Session& session, std::uint64_t size, IncomingMessage* into) {
    while (size > 0) {
        if (session.input().empty()) {
            co_await session.read_more();
        }
        std::string_view piece = session.input();
        piece =
            piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size)));
        if (into != nullptr) {
            into->write(piece);
        }
        size -= piece.size();
        session.consume(piece.size());
    }
}

// The line behind the literal; it must be empty.  A second message (MULTIAPPEND, which is not
// offered) that comes without waiting is read: it must not be taken for commands.
Task<bool> receive_end(Session& session) {
    using Event = imap::CommandReader::Event;
    bool alone = true;
    session.reader.message_done();
    for (;;) {
        if (session.input().empty()) {
            co_await session.read_more();
        }
        std::size_t taken = 0;
        Event event = session.reader.feed(session.input(), taken);
        session.consume(taken);
        bool another = event == Event::kMessage &&
                       session.reader.literal_sync() == imap::LiteralSync::kFollows;
        if (another && session.reader.literal_size() <= kMostSkipped) {
            alone = false;
            co_await receive(session, session.reader.literal_size(), nullptr);
            session.reader.message_done();
        } else if (another) {
            session.hang_up();
            co_return false;
        } else if (event != Event::kNeedMore) {
            co_return alone&& event == Event::kCommand&& session.reader.last_line().empty();
        }
    }
}

// Refuses the message: a client that waits for the go-ahead does not send it, others have done so,
// and it has to be read before they can be understood again.
Task<Reply> refuse(Session& session, Reply reply) {
    if (session.reader.literal_sync() == imap::LiteralSync::kFollows) {
        if (session.reader.literal_size() > kMostSkipped) {
            session.stream.write("* BYE The message is far too large.\r\n");
            session.hang_up();
            co_return reply;
        }
        co_await receive(session, session.reader.literal_size(), nullptr);
        static_cast<void>(co_await receive_end(session));
    }
    co_return reply;
}

Task<Result<std::string>> store(Session& session, AppendRequest request, NewMessage message) {
    auto target = session.user.open(request.mailbox);
    message.flags.system = request.flags.system;
    message.keywords = std::move(request.flags.keywords);
    std::vector<NewMessage> added;
    added.push_back(std::move(message));
    auto uids = co_await target->box.add(std::move(added));
    if (!uids) {
        co_return fail_with(uids);
    }
    co_return format("[APPENDUID {} {}] Append completed.", target->box.uid_validity(),
                     uids->front());
}

}  // namespace

Task<Reply> cmd_append(Session& session, Command& command) {
    auto request = parse_append(session, command);
    if (!request) {
        co_return co_await refuse(session, bad_arguments(command));
    }
    std::uint64_t size = session.reader.literal_size();
    auto limit = static_cast<std::uint64_t>(conf().imap_append_size_limit());
    if (!session.user.tree().ready(request->mailbox)) {
        co_return co_await refuse(session, Reply::no("[TRYCREATE] Mailbox doesn't exist: " +
                                                     printable(request->mailbox)));
    }
    if (size == 0 || (limit > 0 && size > limit)) {
        co_return co_await refuse(
            session, size == 0
                         ? Reply::no("Can't save a zero byte message.")
                         : Reply::no("[LIMIT] The message is larger than this server allows."));
    }
    IncomingMessage incoming(session.user.tree().place_of(request->mailbox));
    if (session.reader.literal_sync() == imap::LiteralSync::kWaits) {
        session.stream.write("+ OK\r\n");
    }
    co_await receive(session, size, &incoming);
    bool well_formed = co_await receive_end(session);
    if (!well_formed) {
        co_return bad_arguments(command);
    }
    auto message = co_await incoming.finish(request->date.value_or(::time(nullptr)));
    if (!message) {
        co_return failure(message.error());
    }
    auto stored = co_await store(session, std::move(*request), std::move(*message));
    if (!stored) {
        co_return failure(stored.error());
    }
    co_return Reply::ok(*stored);
}

}  // namespace relais
