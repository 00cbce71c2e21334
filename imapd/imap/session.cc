#include "imapd/imap/session.h"

#include <algorithm>

#include "lib/access/annotations.h"
#include "lib/access/last_words.h"
#include "lib/access/session_log.h"
#include "lib/access/session_table.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/deflate_transport.h"
#include "lib/imap/format.h"
#include "lib/imap/utf7.h"

#include "imapd/imap/change_teller.h"
#include "imapd/imap/commands.h"
#include "imapd/imap/fetcher.h"
#include "imapd/imap/message_limit.h"
#include "imapd/imap/notifier.h"

namespace relais {

namespace {

constexpr std::size_t kDrainAt = std::size_t{64} * 1024;
constexpr int kMaxBadCommands = 20;
constexpr std::uint64_t kMostSkipped = std::uint64_t{1} << 30;

using Event = imap::CommandReader::Event;

// The last command but UID ones gets its sequence numbers shifted by EXPUNGE: those wait.
Expunges allowed_expunges(const CommandInfo& info, const Command& command) {
    bool hold = info.updates == Updates::kNoExpunge && !command.uid;
    return hold ? Expunges::kHold : Expunges::kTell;
}

// " in=24 out=787": bytes, those that came with the hand-over included.
std::string traffic_of(const SessionStart& start) {
    if (start.record == nullptr) {
        return "";
    }
    UserSession facts = start.record->facts();
    return format(" in={} out={}", start.input.size() + facts.received, facts.sent);
}

}  // namespace

Session::Session(User& user, Stream& stream) : user(user), stream(stream) {
}

Session::~Session() = default;

std::string Session::capabilities() const {
    std::string text =
        "IMAP4rev1 IMAP4rev2 SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN "
        "SPECIAL-USE "
        "CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE XLIST ESEARCH SEARCHRES WITHIN "
        "PARTIAL SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS "
        "BINARY MULTIAPPEND CATENATE REPLACE PREVIEW UTF8=ACCEPT INPROGRESS CONDSTORE QRESYNC "
        "OBJECTID SAVEDATE UIDONLY UIDBATCHES NOTIFY CONTEXT=SEARCH CONTEXT=SORT MULTISEARCH ";
    text += conf().imap_literal_minus() ? "LITERAL-" : "LITERAL+";
    if (conf().imap_append_size_limit() > 0) {
        text += format(" APPENDLIMIT={}", conf().imap_append_size_limit());
    }
    if (!conf().imap_urlauth_host().empty()) {
        text += " URLAUTH URLAUTH=BINARY";
    }
    text += limit_capability();
    if (conf().imap_compress() && !compressed_) {
        text += " COMPRESS=DEFLATE";
    }
    if (user.quota() != nullptr) {
        text += " QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE";
    }
    if (Annotations::on()) {
        text += " METADATA LIST-METADATA";
    }
    if (user.access().on()) {
        text += " ACL RIGHTS=texk LIST-MYRIGHTS";
    }
    return text;
}

bool Session::enable_condstore() {
    if (!enabled.condstore) {
        enabled.condstore = true;
        if (selected) {
            selected->track();
            stream.write(selected->modseq_line());
        }
    }
    return !selected || selected->tracked();
}

std::string Session::with_highest_modseq(std::string text) const {
    if (!enabled.condstore || !selected->tracked()) {
        return text;
    }
    return format("[HIGHESTMODSEQ {}] {}", selected->box().last_change(), text);
}

void Session::consume(std::size_t count) {
    if (early_input.empty()) {
        stream.consume(count);
        return;
    }
    early_input.erase(0, count);
    if (early_input.empty()) {
        std::string().swap(early_input);
    }
}

Task<void> Session::read_more() {
    bool more = co_await stream.fill();
    if (!more) {
        throw EndOfStream();
    }
}

// The next input between commands: the client may have asked to hear of changes meanwhile.
Task<void> Session::await_input() {
    if (!notifier || !reader.at_start()) {
        co_await read_more();
        co_return;
    }
    co_await stream.flush();
    ChangeTeller teller(*this, ChangeTeller::Moment::kBetweenCommands);
    co_await teller.during(wait_quietly());
}

// Without the flush of read_more(): writing is somebody else's business.
Task<void> Session::wait_quietly() {
    co_await stream.wait_readable();
    if (!stream.fill_now()) {
        throw EndOfStream();
    }
}

void Session::leave_mailbox() {
    if (notifier && selected) {
        notifier->left(*selected);
    }
    contexts.clear();
    selected.reset();
}

void Session::expect_arrivals(const std::string& mailbox, const std::vector<std::uint32_t>& uids) {
    if (notifier) {
        notifier->expect_arrivals(mailbox, uids);
    }
}

Task<void> Session::drain() {
    if (stream.unsent() >= kDrainAt) {
        co_await stream.flush();
    }
}

void Session::greet(const SessionStart& start) {
    if (start.tag.empty()) {
        stream.write(format("* PREAUTH [CAPABILITY {}] Logged in as {}\r\n", capabilities(),
                            printable(user.name())));
    } else {
        stream.write(format("{} OK [CAPABILITY {}] Logged in\r\n", start.tag, capabilities()));
    }
}

// Tells who asks about the session which mailbox is selected; null: not any longer.
void Session::follow(SessionRecord* record) {
    if (record_ != nullptr) {
        record_->tell_folder(nullptr);
    }
    record_ = record;
    if (record != nullptr) {
        record->tell_folder([this] { return selected ? selected->mailbox().name : ""; });
    }
}

void Session::show_state(std::string_view state) const {
    if (record_ != nullptr) {
        record_->show(state);
    }
}

Task<void> Session::run(SessionStart start) {
    follow(start.record);
    stream.set_timeout(conf().imap_idle_timeout());
    reader = imap::CommandReader(static_cast<std::size_t>(conf().imap_command_size_limit()));
    early_input = start.input;
    std::string why = "Logged out";
    std::string last_words;
    try {
        greet(start);
        co_await converse();
        co_await stream.flush();
    } catch (const TimedOut&) {
        why = "Inactivity";
        last_words = "* BYE Disconnected for inactivity.\r\n";
    } catch (const Cancelled&) {
        why = kServerEnds;
        last_words = format("* BYE {}\r\n", kServerEnds);
    } catch (const EndOfStream&) {
        why = "Connection closed";
    } catch (const IoError& error) {
        why = format("Connection closed: {}", error.what());
    }
    follow(nullptr);
    selected.reset();
    if (!last_words.empty()) {
        co_await say_last_words(&stream, std::move(last_words));
    }
    log_session(session_of("imap", user.name()),
                format("Disconnected: {}{}", why, traffic_of(start)));
}

Task<void> Session::converse() {
    while (!done_) {
        Event event = co_await next_event();
        switch (event) {
            case Event::kCommand:
            case Event::kTooLong:
            case Event::kMessage:
                co_await handle_command(event);
                reader.next();
                break;
            default:
                stream.write("* BYE Input buffer full, aborting\r\n");
                co_return;
        }
    }
}

Task<Event> Session::read_event() {
    for (;;) {
        if (input().empty()) {
            co_await await_input();
        }
        std::size_t taken = 0;
        Event event = reader.feed(input(), taken);
        consume(taken);
        if (event != Event::kNeedMore) {
            co_return event;
        }
    }
}

Task<Event> Session::next_event() {
    for (;;) {
        Event event = co_await read_event();
        if (event != Event::kContinue) {
            co_return event;
        }
        stream.write("+ OK\r\n");
    }
}

std::optional<std::string> Session::name_from_client(std::string_view text) const {
    auto name = enabled.utf8_names() ? imap::utf8_to_utf7(text) : std::optional(std::string(text));
    return name ? std::optional(user.tree().canonical(*name)) : std::nullopt;
}

void Session::append_name(std::string& out, std::string_view name) const {
    auto shown = enabled.utf8_names() && name.find('&') != std::string_view::npos
                     ? imap::utf7_to_utf8(name)
                     : std::nullopt;
    if (shown) {
        imap::append_utf8_string(out, *shown);
    } else {
        imap::append_astring(out, name);
    }
}

void Session::answer(std::string_view tag, const Reply& reply) {
    std::string_view word = reply.kind == Reply::Kind::kOk   ? "OK"
                            : reply.kind == Reply::Kind::kNo ? "NO"
                                                             : "BAD";
    stream.write(format("{} {} {}\r\n", tag, word, reply.text));
    bad_commands_ = reply.kind == Reply::Kind::kBad ? bad_commands_ + 1 : 0;
    if (bad_commands_ >= kMaxBadCommands) {
        stream.write("* BYE Too many invalid IMAP commands.\r\n");
        done_ = true;
    }
}

// The reply, once the client was told what else there is to tell.
Task<Reply> Session::run_command(Command& command) {
    bool tagged = command.tag != "*" && command.arguments.atom() == command.tag;
    auto name = tagged && command.arguments.space() ? command.arguments.atom() : std::nullopt;
    if (name && iequals(*name, "UID") && command.arguments.space()) {
        command.uid = true;
        name = command.arguments.atom();
    }
    if (!name) {
        command.tag = tagged ? command.tag : "*";
        co_return Reply::bad("Error in IMAP command received by server.");
    }
    command.name = uppercase(*name);
    const CommandInfo* info = find_command(command.name);
    if (info == nullptr || (command.uid && !info->takes_uid)) {
        co_return Reply::bad(
            format("Error in IMAP command {}: Unknown command.", printable(command.name)));
    }
    if (info->state == NeededState::kSelected && !selected) {
        co_return Reply::bad("No mailbox selected.");
    }
    // RFC 9586 3: EXPUNGE names no messages.
    if (enabled.uid_only && info->takes_uid && !command.uid && command.name != "EXPUNGE") {
        co_return bad_arguments(command, "Message numbers are not possible.", "UIDREQUIRED");
    }
    show_state(command.name);
    Reply reply = co_await info->run(*this, command);
    if (info->updates != Updates::kNone && selected) {
        co_await sync(allowed_expunges(*info, command), command.with_uid());
    }
    if (info->updates != Updates::kNone && notifier) {
        co_await notifier->tell();
    }
    co_return reply;
}

Task<void> Session::handle_command(Event event) {
    Command command;
    command.tag = reader.tag();
    if (event == Event::kTooLong) {
        answer(command.tag, Reply::bad("Error in IMAP command: Too long"));
        co_return;
    }
    command.arguments = imap::Scanner(reader.command());
    Reply reply = co_await run_command(command);
    show_state("");
    co_await skip_messages();
    answer(command.tag, reply);
    if (compress_next_) {
        co_await start_compression();
    }
    co_await drain();
}

Task<Event> Session::receive_line() {
    reader.message_done();
    co_return co_await read_event();
}

// What is left of a command that was refused, where the client sends it in any case: it must not be
// taken for commands.
Task<void> Session::skip_messages() {
    std::uint64_t skipped = 0;
    while (reader.message_follows() && reader.literal_sync() == imap::LiteralSync::kFollows) {
        std::uint64_t size = reader.literal_size();
        skipped += std::min(size, kMostSkipped + 1);
        if (skipped > kMostSkipped) {
            stream.write("* BYE The message is far too large.\r\n");
            hang_up();
            co_return;
        }
        auto drop = [](std::string_view) {};
        co_await receive(size, drop);
        Event event = co_await receive_line();
        if (event == Event::kHopeless) {
            stream.write("* BYE Input buffer full, aborting\r\n");
            hang_up();
            co_return;
        }
    }
}

// RFC 4978 3: from the next byte on, in both directions.  What the client has sent behind the
// command without waiting was not compressed, and is thrown away.
Task<void> Session::start_compression() {
    compress_next_ = false;
    compressed_ = true;
    co_await stream.flush();
    early_input.clear();
    stream.set_transport(deflate_transport(record_ == nullptr ? plain_transport(stream.fd())
                                                              : record_->wire(stream.fd())));
}

Task<void> Session::sync(Expunges expunges, WithUid with_uid) {
    auto synced = co_await selected->sync();
    if (!synced || !selected->valid()) {
        if (!synced) {
            log_warning("mailbox {}: {}", selected->mailbox().name, synced.error().message);
        }
        selected.reset();
        stream.write("* BYE The selected mailbox is gone.\r\n");
        co_await stream.flush();
        throw IoError("the selected mailbox is gone");
    }
    ReportScope scope = notifier ? notifier->scope(expunges) : ReportScope{expunges, with_uid};
    // The results of a search change with what is told (RFC 5267 4.3.2): numbers of messages that
    // go are told before that, those of messages that come behind it.
    if (!contexts.empty()) {
        scope.arrivals = true;
        contexts.drop_gone(*this);
    }
    std::string out;
    auto arrived = selected->report(out, scope);
    stream.write(out);
    if (!contexts.empty()) {
        co_await contexts.update(*this);
    }
    co_await fetch_arrived(notifier ? notifier->foreign_arrivals(std::move(arrived))
                                    : std::move(arrived));
}

// RFC 5465 5.2 (7 has them before the new results); whatever is fetched, \Seen stays as it is.
Task<void> Session::fetch_arrived(std::vector<std::uint32_t> uids) {
    for (std::uint32_t uid : uids) {
        imap::FetchItems items = contexts.items_for(uid);
        if (notifier) {
            items.add(notifier->fetch_items());
        }
        if (!items.items.empty()) {
            Fetcher fetcher(*this, std::move(items), WithUid::kNo);
            co_await fetcher.fetch(uid, false);
        }
    }
}

}  // namespace relais
