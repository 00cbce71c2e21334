#include "lib/imap/section.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

std::string_view between(std::string_view message, const Mark& from, const Mark& to) {
    return message.substr(from.offset, to.offset - from.offset);
}

SectionText piece(std::string_view message, const Mark& from, const Mark& to) {
    return SectionText(between(message, from, to), to.wire() - from.wire());
}

void append_wire(std::string& out, std::string_view text) {
    while (!text.empty()) {
        auto end = text.find('\n');
        if (end == std::string_view::npos) {
            out += text;
            return;
        }
        bool has_cr = end > 0 && text[end - 1] == '\r';
        out += text.substr(0, has_cr ? end - 1 : end);
        out += "\r\n";
        text.remove_prefix(end + 1);
    }
}

// What follows the fields: an empty line; but where a header has none, and what is left out of it
// is named, or it is that of an attached message, there is none either, as with Dovecot.
bool ends_with_empty_line(std::string_view header, const Section& section) {
    bool bare = section.kind == Section::Kind::kFieldsNot || !section.path.empty();
    return !bare || header == "\n" || header == "\r\n" || header.ends_with("\n\n") ||
           header.ends_with("\n\r\n");
}

// With kFieldsNot lines that are no fields are there, too.
std::string pick_fields(std::string_view header, const Section& section) {
    std::string out;
    bool wanted = section.kind == Section::Kind::kFields;
    HeaderWalk walk(header, wanted ? HeaderWalk::Other::kSkip : HeaderWalk::Other::kGive);
    while (auto field = walk.next()) {
        bool listed = std::ranges::any_of(
            section.fields, [&](const std::string& name) { return iequals(name, field->name); });
        if (listed == wanted) {
            append_wire(out, field->whole);
            if (wanted && !field->whole.ends_with('\n')) {
                out += "\r\n";
            }
        }
    }
    return out + (ends_with_empty_line(header, section) ? "\r\n" : "");
}

// No literal can hold a NUL (RFC 3501 4.3); octets above 127 nobody takes for text either.
void hide_nuls(std::string& out, std::size_t from) {
    for (auto at = out.find('\0', from); at != std::string::npos; at = out.find('\0', at + 1)) {
        out[at] = '\x80';
    }
}

// For HEADER and TEXT: the message itself, or the one inside a message/rfc822 part.
const MimePart* message_of(const MimePart* part, bool is_root) {
    if (is_root) {
        return part;
    }
    return part->is_message() && !part->children.empty() ? &part->children.front() : nullptr;
}

}  // namespace

const MimePart* find_part(const MimePart& root, const std::vector<std::uint32_t>& path) {
    const MimePart* part = &root;
    bool itself = false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const MimePart* inside = part;
        if (i > 0 && part->is_message() && !part->children.empty()) {
            inside = &part->children.front();
            itself = false;
        }
        if (inside->is_multipart() && !inside->children.empty()) {
            if (path[i] > inside->children.size()) {
                return nullptr;
            }
            part = &inside->children[path[i] - 1];
        } else if (path[i] == 1 && !itself) {
            part = inside;
            itself = true;
        } else {
            return nullptr;
        }
    }
    return part;
}

void WireReader::read(std::string& out, std::uint64_t count) {
    std::size_t before = out.size();
    take(&out, count);
    hide_nuls(out, before);
}

void WireReader::take(std::string* out, std::uint64_t count) {
    auto give = [out, &count](std::string_view bytes) {
        count -= bytes.size();
        if (out != nullptr) {
            *out += bytes;
        }
    };
    while (count > 0 && at_ < raw_.size()) {
        auto end = std::min(raw_.find('\n', at_), raw_.size());
        auto before = static_cast<std::size_t>(std::min<std::uint64_t>(end - at_, count));
        give(raw_.substr(at_, before));
        at_ += before;
        if (count == 0 || at_ == raw_.size()) {
            return;
        }
        bool bare = at_ == 0 || raw_[at_ - 1] != '\r';
        if (bare && !line_feed_due_) {
            give("\r");
            line_feed_due_ = true;
        } else {
            give("\n");
            line_feed_due_ = false;
            ++at_;
        }
    }
}

void SectionText::append(std::string& out, std::uint64_t origin, std::uint64_t count) const {
    std::size_t before = out.size();
    append_as_stored(out, origin, count);
    hide_nuls(out, before);
}

void SectionText::append_as_stored(std::string& out, std::uint64_t origin,
                                   std::uint64_t count) const {
    if (made_ || wire_size_ == piece_.size()) {
        std::string_view all = made_ ? std::string_view(*made_) : piece_;
        out += all.substr(origin, count);
        return;
    }
    if (origin == 0 && count == wire_size_) {
        append_wire(out, piece_);
        return;
    }
    WireReader reader(piece_);
    reader.skip(origin);
    reader.read(out, count);
}

std::optional<SectionText> cut_section(std::string_view message, const MimePart& root,
                                       const Section& section) {
    const MimePart* part = find_part(root, section.path);
    if (part == nullptr) {
        return std::nullopt;
    }
    bool is_root = section.path.empty();
    if (section.kind == Section::Kind::kAll) {
        return piece(message, is_root ? part->begin : part->body, part->end);
    }
    if (section.kind == Section::Kind::kMime) {
        return piece(message, part->begin, part->body);
    }
    const MimePart* inner = message_of(part, is_root);
    if (inner == nullptr) {
        return std::nullopt;
    }
    if (section.kind == Section::Kind::kText) {
        return piece(message, inner->body, inner->end);
    }
    if (section.kind == Section::Kind::kHeader) {
        return piece(message, inner->begin, inner->body);
    }
    return SectionText(pick_fields(between(message, inner->begin, inner->body), section));
}

bool is_flat_section(const Section& section) {
    return section.path.empty();
}

void append_section(std::string& out, std::string_view message, const MimePart& root,
                    const FetchItem& item) {
    auto text = cut_section(message, root, item.section);
    out += item.label;
    if (!text) {
        out += " NIL";
        return;
    }
    SectionRange range = wanted_range(item, text->wire_size());
    out += " {" + std::to_string(range.count) + "}\r\n";
    text->append(out, range.origin, range.count);
}

SectionRange wanted_range(const FetchItem& item, std::uint64_t wire_size) {
    SectionRange range{0, wire_size};
    if (item.partial) {
        range.origin = std::min(item.partial->origin, wire_size);
        range.count = std::min(item.partial->count, wire_size - range.origin);
    }
    return range;
}

}  // namespace relais::imap
