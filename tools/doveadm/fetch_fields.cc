#include "tools/doveadm/fetch_fields.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/access/message_copy.h"
#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/address_list.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/charset.h"
#include "lib/imap/dates.h"
#include "lib/imap/envelope.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/preview.h"
#include "lib/imap/section.h"

#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query.h"

namespace relais::doveadm {

namespace {

// "2023-11-14 22:13:20"
std::string moment_text(std::tm when) {
    return format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", when.tm_year + 1900, when.tm_mon + 1,
                  when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec);
}

std::string local_text(std::int64_t time) {
    std::time_t moment = time;
    std::tm when{};
    ::localtime_r(&moment, &when);
    return moment_text(when);
}

std::string universal_text(std::int64_t time) {
    std::time_t moment = time;
    std::tm when{};
    ::gmtime_r(&moment, &when);
    return moment_text(when);
}

std::string without_cr(std::string text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool line_end = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!line_end) {
            out += text[i];
        }
    }
    return out;
}

std::string inside_parentheses(const std::string& list) {
    return list.size() >= 2 ? list.substr(1, list.size() - 2) : list;
}

std::string cut(FetchedMessage& message, const std::string& section_text) {
    std::string text = section_text + "]";
    imap::Scanner scanner(text);
    auto section = imap::parse_section(scanner);
    auto piece =
        section ? imap::cut_section(message.text(), message.structure(), *section) : std::nullopt;
    std::string out;
    if (piece) {
        piece->append(out, 0, piece->wire_size());
    }
    return out;
}

std::string flags_of(FetchedMessage& message, const FetchField& /*field*/) {
    const MailMessage* found = message.message();
    return found == nullptr ? "" : inside_parentheses(message.selected.format_flags(*found));
}

std::optional<std::int64_t> received(FetchedMessage& message) {
    const MailMessage* found = message.message();
    auto time = found == nullptr ? Result<std::int64_t>(0)
                                 : received_of(message.selected.mailbox(), *found);
    return time ? std::optional(*time) : std::nullopt;
}

std::int64_t saved(FetchedMessage& message) {
    const MailMessage* found = message.message();
    return found == nullptr ? 0 : saved_at(message.selected.box(), *found).value_or(0);
}

std::int64_t sent(FetchedMessage& message) {
    const MailMessage* found = message.message();
    return found == nullptr ? 0 : sent_at(message.selected.mailbox(), *found);
}

// The zone stands behind the time as the header has it.
std::string sent_text(FetchedMessage& message, const FetchField& /*field*/) {
    auto field = imap::find_field(message.header(), "Date");
    std::string value = field ? imap::unfold(field->value) : "";
    auto zone = value.find_last_of("+-");
    bool numeric = zone != std::string::npos && value.size() >= zone + 5 &&
                   parse_uint(value.substr(zone + 1, 4)).has_value();
    return format("{} ({})", universal_text(sent(message)),
                  numeric ? value.substr(zone, 5) : "+0000");
}

// "hdr.from", "hdr.from.utf8", "hdr.from.address", "hdr.from.address_name.utf8"
std::string header_value(FetchedMessage& message, const FetchField& field) {
    std::string name = field.argument;
    bool utf8 = iends_with(name, ".utf8");
    name = utf8 ? name.substr(0, name.size() - 5) : name;
    auto dot = split_first(name, '.');
    std::string form = dot ? lowercase(dot->second) : "";
    auto found = imap::find_field(message.header(), dot ? dot->first : std::string_view(name));
    std::string value = found ? imap::unfold(found->value) : "";
    if (form == "address" || form == "address_name") {
        std::string list;
        for (const auto& address : imap::parse_address_list(value)) {
            std::string mail = address.mailbox.value_or("") + "@" + address.host.value_or("");
            list += list.empty() ? "" : ", ";
            list += form == "address" ? mail : address.name.value_or("");
        }
        value = list;
    }
    return utf8 ? imap::decode_header(value) : value;
}

std::string decoded_text(std::string_view message, const imap::MimePart& part) {
    std::string out(message.substr(part.begin.offset, part.body.offset - part.begin.offset));
    out = imap::decode_header(out);
    if (!part.children.empty()) {
        for (const imap::MimePart& child : part.children) {
            out += decoded_text(message, child);
        }
        return out;
    }
    std::string_view header =
        message.substr(part.begin.offset, part.body.offset - part.begin.offset);
    std::string_view body = message.substr(part.body.offset, part.end.offset - part.body.offset);
    auto field = imap::find_field(header, "Content-Transfer-Encoding");
    std::string encoding = field ? imap::parse_mime_value(field->value).value : "";
    return out + imap::to_utf8(imap::decode_transfer(body, encoding),
                               imap::find_parameter(part.parameters, "charset"));
}

std::string binary_section(FetchedMessage& message, const FetchField& field) {
    std::string text = field.argument + "]";
    imap::Scanner scanner(text);
    auto section = imap::parse_section(scanner);
    if (!section || section->kind != imap::Section::Kind::kAll) {
        return cut(message, field.argument);
    }
    const imap::MimePart* part = imap::find_part(message.structure(), section->path);
    auto decoded = part == nullptr
                       ? Result<imap::DecodedPart>(imap::DecodedPart())
                       : imap::decode_part(message.text(), *part, imap::PartHeader::kLeaveOut);
    return decoded ? without_cr(decoded->bytes) : "";
}

std::string structure_text(FetchedMessage& message, imap::BodyForm form) {
    std::string out;
    imap::append_body(out, message.text(), message.structure(), form);
    return inside_parentheses(out);
}

using Value = std::string (*)(FetchedMessage&, const FetchField&);

struct Known {
    std::string_view name;
    bool is_text;
    Value value;
};

constexpr Known kFields[] = {
    {"user", false, [](auto& m, auto&) { return std::string(m.user); }},
    {"mailbox", false, [](auto& m, auto&) { return mailbox_to_word(m.selected.mailbox().name); }},
    {"mailbox-guid", false, [](auto& m, auto&) { return m.list.guid; }},
    {"seq", false,
     [](auto& m, auto&) { return std::to_string(m.selected.sequence_of(m.uid).value_or(0)); }},
    {"uid", false, [](auto& m, auto&) { return std::to_string(m.uid); }},
    {"guid", false,
     [](auto& m, auto&) {
         const MailMessage* found = m.message();
         return found == nullptr ? std::string()
                                 : message_guid(m.list, *found, m.selected.box().base_name(*found));
     }},
    {"flags", false, flags_of},
    {"hdr", true, [](auto& m, auto&) { return without_cr(std::string(m.header())); }},
    {"body", true,
     [](auto& m, auto&) {
         return without_cr(std::string(m.text().substr(m.structure().body.offset)));
     }},
    {"body.preview", false,
     [](auto& m, auto&) { return imap::make_preview(m.text(), m.structure()); }},
    {"body.snippet", false,
     [](auto& m, auto&) { return imap::make_preview(m.text(), m.structure()); }},
    {"text", true, [](auto& m, auto&) { return without_cr(std::string(m.text())); }},
    {"text.utf8", true,
     [](auto& m, auto&) { return without_cr(decoded_text(m.text(), m.structure())); }},
    {"size.physical", false, [](auto& m, auto&) { return std::to_string(m.text().size()); }},
    {"size.virtual", false,
     [](auto& m, auto&) { return std::to_string(m.structure().end.wire()); }},
    {"date.received", false, [](auto& m, auto&) { return local_text(received(m).value_or(0)); }},
    {"date.sent", false, sent_text},
    {"date.saved", false, [](auto& m, auto&) { return local_text(saved(m)); }},
    {"date.received.unixtime", false,
     [](auto& m, auto&) { return std::to_string(received(m).value_or(0)); }},
    {"date.sent.unixtime", false, [](auto& m, auto&) { return std::to_string(sent(m)); }},
    {"date.saved.unixtime", false, [](auto& m, auto&) { return std::to_string(saved(m)); }},
    {"imap.envelope", false,
     [](auto& m, auto&) {
         std::string out;
         imap::append_envelope(out, m.header());
         return inside_parentheses(out);
     }},
    {"imap.body", false, [](auto& m, auto&) { return structure_text(m, imap::BodyForm::kBody); }},
    {"imap.bodystructure", false,
     [](auto& m, auto&) { return structure_text(m, imap::BodyForm::kBodyStructure); }},
    {"pop3.uidl", false, [](auto& m, auto&) { return std::string(m.extension('P')); }},
    {"pop3.order", false, [](auto& m, auto&) { return std::string(m.extension('O')); }},
    {"refcount", false, [](auto&, auto&) { return std::string("1"); }},
    {"storageid", false,
     [](auto& m, auto&) {
         const MailMessage* found = m.message();
         return found == nullptr ? std::string() : m.selected.box().base_name(*found);
     }},
};

}  // namespace

std::string_view FetchedMessage::text() {
    const MailMessage* found = message();
    if (!file_ && found != nullptr) {
        auto opened = MessageFile::open(selected.box(), *found);
        if (opened) {
            file_.emplace(std::move(*opened));
        }
    }
    return file_ ? file_->text() : std::string_view();
}

const imap::MimePart& FetchedMessage::structure() {
    if (!structure_) {
        structure_ = imap::parse_mime(text());
    }
    return *structure_;
}

std::string_view FetchedMessage::extension(char key) const {
    auto at = std::ranges::lower_bound(list.entries, uid, {}, &UidListEntry::uid);
    bool there = at != list.entries.end() && at->uid == uid;
    return there ? uidlist_extension(at->extensions, key).value_or("") : "";
}

std::optional<FetchField> find_fetch_field(std::string_view name) {
    std::string lower = lowercase(name);
    const auto* known = std::ranges::find(kFields, std::string_view(lower), &Known::name);
    if (known != std::end(kFields)) {
        return FetchField{lower, "", known->is_text, known->value};
    }
    auto dot = split_first(name, '.');
    if (!dot || dot->second.empty()) {
        return std::nullopt;
    }
    FetchField field{lowercase(dot->first) + "." + std::string(dot->second),
                     std::string(dot->second), true, nullptr};
    if (iequals(dot->first, "hdr")) {
        field.name = lower;
        field.is_text = false;
        field.value = header_value;
    } else if (iequals(dot->first, "body")) {
        field.argument = uppercase(field.argument);
        field.value = [](auto& m, const auto& f) { return cut(m, f.argument); };
    } else if (iequals(dot->first, "binary")) {
        field.argument = uppercase(field.argument);
        field.value = binary_section;
    } else {
        return std::nullopt;
    }
    return field;
}

std::string fetch_field_names() {
    std::string names = "hdr.<name> body.<section> binary.<section>";
    for (const Known& known : kFields) {
        names += " " + std::string(known.name);
    }
    return names;
}

}  // namespace relais::doveadm
