// FETCH.  RFC 3501 6.4.5, 7.4.2; BINARY (RFC 3516), PREVIEW (RFC 8970), PARTIAL (RFC 9394),
// CHANGEDSINCE (RFC 7162), EMAILID (RFC 8474), SAVEDATE (RFC 8514)
#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/dates.h"
#include "lib/imap/envelope.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/format.h"
#include "lib/imap/section.h"
#include "lib/store/email_ids.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

using Kind = imap::FetchItem::Kind;

constexpr std::size_t kLongText =
    std::size_t{256} * 1024;  // from here on a text goes out in pieces
constexpr std::size_t kPiece = std::size_t{64} * 1024;
constexpr std::size_t kChunk = 100;  // messages before other sessions get their turn

// Fetches messages for one command.
class Fetcher {
  public:
    Fetcher(Session& session, imap::FetchItems items, WithUid with_uid)
        : session_(session), selected_(*session.selected), items_(std::move(items)) {
        if (with_uid == WithUid::kYes && !session.enabled.uid_only) {
            items_.add(Kind::kUid, imap::FetchItems::Where::kFirst);
        }
    }

    [[nodiscard]] Task<void> fetch(std::uint32_t uid, bool flags_changed);

    // Messages that were gone when it was their turn.
    bool missed() const { return missed_; }

    // Parts whose encoding nobody knows were left out (RFC 3516 4.3).
    bool undecodable() const { return undecodable_; }

  private:
    // False when the message is gone.
    [[nodiscard]] Task<bool> append_items(const MailMessage& message);
    [[nodiscard]] Task<bool> append_item(const imap::FetchItem& item, const MailMessage& message);
    [[nodiscard]] Task<bool> append_section(const imap::FetchItem& item,
                                            const MailMessage& message);
    [[nodiscard]] Task<void> stream_section(const imap::FetchItem& item);
    bool append_fact(const imap::FetchItem& item, const MailMessage& message);
    bool append_binary(const imap::FetchItem& item, const MailMessage& message);
    bool append_preview(const imap::FetchItem& item, const MailMessage& message);
    bool load_file(const MailMessage& message);
    const imap::MimePart& structure(const imap::Section* section);

    Session& session_;
    Selected& selected_;
    imap::FetchItems items_;
    EmailIds ids_;
    std::string out_;
    // The message at hand, as far as it was needed.
    std::optional<MessageFile> file_;
    std::optional<imap::MimePart> root_;
    bool whole_root_ = false;
    bool missed_ = false;
    bool undecodable_ = false;
    bool left_out_ = false;  // the item at hand: nothing was written
};

Task<void> Fetcher::fetch(std::uint32_t uid, bool flags_changed) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const MailMessage* found = selected_.box().find(uid);
        auto sequence = selected_.sequence_of(uid);
        if (found == nullptr || !sequence) {
            break;
        }
        MailMessage message = *found;
        file_.reset();
        root_.reset();
        out_ = selected_.fetch_head(message, *sequence);
        bool complete = co_await append_items(message);
        if (complete) {
            if (flags_changed && !items_.has(Kind::kFlags)) {
                out_ += " FLAGS " + selected_.format_flags(message);
            }
            if (flags_changed && session_.enabled.condstore && !items_.has(Kind::kModseq)) {
                out_ += " " + selected_.format_modseq(message);
            }
            session_.stream.write(out_ + ")\r\n");
            co_await session_.drain();
            co_return;
        }
        // Somebody else has renamed or removed the file: look where it is now.
        auto synced = co_await selected_.sync();
        if (!synced) {
            break;
        }
    }
    missed_ = true;
}

Task<bool> Fetcher::append_items(const MailMessage& message) {
    bool first = true;
    for (const imap::FetchItem& item : items_.items) {
        std::size_t before = out_.size();
        out_ += first ? "" : " ";
        left_out_ = false;
        bool done = co_await append_item(item, message);
        if (!done) {
            co_return false;
        }
        if (left_out_) {
            out_.resize(before);
        } else {
            first = false;
        }
    }
    if (first) {
        out_ += format("UID {}", message.uid);  // no response may be empty
    }
    co_return true;
}

Task<bool> Fetcher::append_item(const imap::FetchItem& item, const MailMessage& message) {
    switch (item.kind) {
        case Kind::kUid:
            out_ += format("UID {}", message.uid);
            co_return true;
        case Kind::kFlags:
            out_ += "FLAGS " + selected_.format_flags(message);
            co_return true;
        case Kind::kModseq:
            out_ += selected_.format_modseq(message);
            co_return true;
        case Kind::kEmailId:
            out_ += format("EMAILID ({})", ids_.id_of(selected_.box(), message));
            co_return true;
        case Kind::kThreadId:
            out_ += "THREADID NIL";  // RFC 8474 5.2: threads have no ids here
            co_return true;
        case Kind::kSection:
            co_return co_await append_section(item, message);
        case Kind::kBinary:
        case Kind::kBinarySize:
            co_return append_binary(item, message);
        case Kind::kPreview:
        case Kind::kPreviewLazy:
            co_return append_preview(item, message);
        case Kind::kBody: {
            if (!load_file(message)) {
                co_return false;
            }
            out_ += "BODY ";
            imap::append_body(out_, file_->text(), structure(nullptr), imap::BodyForm::kBody);
            co_return true;
        }
        default:
            co_return append_fact(item, message);
    }
}

bool Fetcher::append_fact(const imap::FetchItem& item, const MailMessage& message) {
    out_ += item.label + ' ';
    if (item.kind == Kind::kSize) {
        auto size = wire_size_of(selected_.mailbox(), message);
        out_ += std::to_string(size.value_or(0));
        return size.has_value();
    }
    if (item.kind == Kind::kInternalDate || item.kind == Kind::kSaveDate) {
        auto time = item.kind == Kind::kSaveDate ? saved_of(selected_.mailbox(), message)
                                                 : received_of(selected_.mailbox(), message);
        out_ += '"' + imap::format_internal_date(time.value_or(0)) + '"';
        return time.has_value();
    }
    auto facts = facts_of(selected_.mailbox(), message);
    if (!facts) {
        return false;
    }
    if (item.kind == Kind::kEnvelope) {
        imap::append_envelope(out_, facts->header);
    } else {
        out_ += facts->structure;
    }
    return true;
}

// RFC 3516 4.2.  What was decoded goes out as literal8, whatever is in it, as Dovecot does.
bool Fetcher::append_binary(const imap::FetchItem& item, const MailMessage& message) {
    if (!load_file(message)) {
        return false;
    }
    bool sized = item.kind == Kind::kBinarySize;
    const imap::MimePart* part = imap::find_part(structure(nullptr), item.section.path);
    if (part == nullptr) {
        out_ += item.label + (sized ? " 0" : " NIL");
        return true;
    }
    bool whole = item.section.path.empty();
    auto decoded = imap::decode_part(
        file_->text(), *part, whole ? imap::PartHeader::kWrite : imap::PartHeader::kLeaveOut);
    if (!decoded) {
        undecodable_ = true;
        left_out_ = true;
        return true;
    }
    if (sized) {
        out_ += format("{} {}", item.label, decoded->bytes.size());
        return true;
    }
    imap::SectionRange range = imap::wanted_range(item, decoded->bytes.size());
    std::string_view text =
        std::string_view(decoded->bytes)
            .substr(static_cast<std::size_t>(range.origin), static_cast<std::size_t>(range.count));
    bool eight = decoded->decoded || text.find('\0') != std::string_view::npos;
    out_ += format("{} {}{{{}}}\r\n", item.label, eight ? "~" : "", text.size());
    out_ += text;
    return true;
}

bool Fetcher::append_preview(const imap::FetchItem& item, const MailMessage& message) {
    auto facts = item.kind == Kind::kPreviewLazy ? facts_of(selected_.mailbox(), message)
                                                 : facts_with_preview(selected_.mailbox(), message);
    out_ += "PREVIEW ";
    if (facts && facts->preview) {
        imap::append_string(out_, *facts->preview);
    } else {
        out_ += "NIL";
    }
    return facts.has_value();
}

bool Fetcher::load_file(const MailMessage& message) {
    if (!file_) {
        auto file = MessageFile::open(selected_.box(), message);
        if (!file) {
            if (file.error().code != Errc::kNotFound) {
                log_warning("{}: {}", selected_.box().path_of(message), file.error().message);
            }
            return false;
        }
        file_.emplace(std::move(*file));
    }
    return true;
}

// The structure of the file; parts below the message only where they are needed.
const imap::MimePart& Fetcher::structure(const imap::Section* section) {
    bool flat = section != nullptr && imap::is_flat_section(*section);
    if (!root_ || (!flat && !whole_root_)) {
        root_ = flat ? imap::parse_mime_flat(file_->text()) : imap::parse_mime(file_->text());
        whole_root_ = !flat;
    }
    return *root_;
}

Task<bool> Fetcher::append_section(const imap::FetchItem& item, const MailMessage& message) {
    if (is_in_facts(item.section)) {
        auto facts = facts_of(selected_.mailbox(), message);
        if (facts) {
            imap::MimePart root;
            root.body.offset = facts->header.size();
            root.end = root.body;
            imap::append_section(out_, facts->header, root, item);
            co_return true;
        }
    }
    if (!load_file(message)) {
        co_return false;
    }
    structure(&item.section);
    if (file_->text().size() >= kLongText) {
        co_await stream_section(item);
    } else {
        imap::append_section(out_, file_->text(), *root_, item);
    }
    co_return true;
}

Task<void> Fetcher::stream_section(const imap::FetchItem& item) {
    auto text = imap::cut_section(file_->text(), *root_, item.section);
    if (!text || text->wire_size() < kLongText) {
        imap::append_section(out_, file_->text(), *root_, item);
        co_return;
    }
    imap::SectionRange range = imap::wanted_range(item, text->wire_size());
    out_ += format("{} {{{}}}\r\n", item.label, range.count);
    imap::WireReader reader = text->reader();
    reader.skip(range.origin);
    while (range.count > 0) {
        std::uint64_t piece = std::min<std::uint64_t>(range.count, kPiece);
        reader.read(out_, piece);
        range.count -= piece;
        session_.stream.write(out_);
        out_.clear();
        co_await session_.stream.flush();
    }
}

// Those that have changed, and before them the UIDs that are gone (RFC 7162 3.1.4.1 and 3.2.6).
void narrow_to_changed(Session& session, const imap::FetchModifiers& modifiers,
                       const imap::SequenceSet& asked, std::vector<std::uint32_t>& uids) {
    Selected& selected = *session.selected;
    if (modifiers.vanished) {
        auto gone = selected.vanished(*modifiers.changed_since, asked);
        if (!gone.empty()) {
            session.stream.write("* VANISHED (EARLIER) " + gone.to_string() + "\r\n");
        }
    }
    std::erase_if(uids, [&](std::uint32_t uid) {
        const MailMessage* message = selected.box().find(uid);
        return message != nullptr && selected.box().modseq_of(*message) <= *modifiers.changed_since;
    });
}

// The UIDs that the command names, whether there are messages or not.
imap::SequenceSet asked_uids(Session& session, imap::Scanner scanner) {
    std::uint32_t last = std::max(session.selected->box().next_uid(), 2U) - 1;
    auto text = scanner.sequence_text();
    auto set = text ? imap::SequenceSet::parse(*text) : std::nullopt;
    return set ? set->resolve(last) : imap::SequenceSet();
}

// The numbers of changes, where they are asked for; the error is the reply.
std::expected<void, Reply> prepare_modseqs(Session& session, const Command& command,
                                           imap::FetchItems& items,
                                           const imap::FetchModifiers& modifiers) {
    if (modifiers.changed_since) {
        items.add(Kind::kModseq);
    }
    if (modifiers.vanished &&
        (!command.uid || !session.enabled.qresync || !modifiers.changed_since)) {
        return std::unexpected(bad_arguments(command, "VANISHED is not possible here."));
    }
    if (items.has(Kind::kModseq) && !session.enable_condstore()) {
        return std::unexpected(bad_arguments(command, "No permanent mod-sequences."));
    }
    return {};
}

// The messages among `uids` that are not seen yet get \Seen; they are told with their FETCH.
Task<Result<std::vector<std::uint32_t>>> mark_seen(Selected& selected,
                                                   const std::vector<std::uint32_t>& uids) {
    std::vector<std::uint32_t> unseen;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = selected.box().find(uid);
        if (message != nullptr && (message->system & MessageFlags::kSeen) == 0) {
            unseen.push_back(uid);
        }
    }
    if (unseen.empty()) {
        co_return unseen;
    }
    auto changed =
        co_await selected.box().change_flags(unseen, FlagChange::kAdd, MessageFlags::kSeen);
    if (!changed) {
        co_return fail_with(changed);
    }
    selected.own_change(*changed);
    co_return unseen;
}

}  // namespace

Task<Reply> cmd_fetch(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    imap::Scanner set_text = command.arguments;
    auto uids = message_set_argument(session, command);
    if (!uids) {
        co_return uids.error();
    }
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto items = imap::parse_fetch_items(command.arguments);
    if (!items) {
        co_return bad_arguments(command, items.error().message);
    }
    auto modifiers = imap::parse_fetch_modifiers(command.arguments);
    if (!modifiers) {
        co_return bad_arguments(command, modifiers.error().message);
    }
    auto prepared = prepare_modseqs(session, command, *items, *modifiers);
    if (!prepared) {
        co_return prepared.error();
    }
    if (modifiers->changed_since) {
        narrow_to_changed(session, *modifiers, asked_uids(session, set_text), *uids);
    }
    if (modifiers->partial) {
        auto part = modifiers->partial->of(*uids);
        uids = std::vector<std::uint32_t>(part.begin(), part.end());
    }
    std::vector<std::uint32_t> seen;
    if (items->sets_seen() && !session.selected->read_only() &&
        (flag_limits(session, session.selected->mailbox().name).system & MessageFlags::kSeen) !=
            0) {
        auto marked = co_await mark_seen(*session.selected, *uids);
        if (!marked) {
            co_return failure(marked.error());
        }
        seen = std::move(*marked);
    }
    Fetcher fetcher(session, std::move(*items), command.with_uid());
    for (std::size_t i = 0; i < uids->size(); ++i) {
        std::uint32_t uid = (*uids)[i];
        co_await fetcher.fetch(uid, std::ranges::binary_search(seen, uid));
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    session.selected->mailbox().cache.flush();
    if (fetcher.missed() && !command.uid) {
        co_return Reply::no("[EXPUNGEISSUED] Some of the requested messages no longer exist.");
    }
    if (fetcher.undecodable()) {
        co_return Reply::no("[UNKNOWN-CTE] Unknown Content-Transfer-Encoding");
    }
    co_return Reply::ok("Fetch completed.");
}

}  // namespace relais
