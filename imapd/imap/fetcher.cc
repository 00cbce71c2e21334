#include "imapd/imap/fetcher.h"

#include <algorithm>

#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/dates.h"
#include "lib/imap/envelope.h"
#include "lib/imap/format.h"
#include "lib/imap/section.h"

namespace relais {

namespace {

using Kind = imap::FetchItem::Kind;

constexpr std::size_t kLongText =
    std::size_t{256} * 1024;  // from here on a text goes out in pieces
constexpr std::size_t kPiece = std::size_t{64} * 1024;

bool asks_for_facts(const imap::FetchItem& item) {
    return item.kind == Kind::kEnvelope || item.kind == Kind::kBodyStructure ||
           item.kind == Kind::kPreviewLazy ||
           (item.kind == Kind::kSection && is_in_facts(item.section));
}

}  // namespace

Task<void> Fetcher::prepare(std::span<const std::uint32_t> uids) {
    const bool facts = std::ranges::any_of(items_.items, asks_for_facts);
    if (facts || items_.has(Kind::kSize)) {
        co_await gather_facts(selected_.mailbox(), uids,
                              facts ? WantedFacts::kAll : WantedFacts::kWireSize);
    }
}

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
        begun_ = false;
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
        if (begun_) {
            throw IoError("a message has changed in the middle of the answer about it");
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
        begun_ = true;
        session_.stream.write(out_);
        out_.clear();
        co_await session_.stream.flush();
    }
}

}  // namespace relais
