#include "lib/access/message_text.h"

#include <algorithm>
#include <cstring>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"
#include "lib/mail/casemap.h"

namespace relais {

namespace {

// Fields are searched without their folding.
bool header_contains(std::string_view header, const std::string& folded) {
    std::string text = imap::decode_header(header);
    if (text_contains(text, folded)) {
        return true;
    }
    if (std::ranges::none_of(folded, is_blank)) {
        return false;  // what has no blank lies in one line
    }
    imap::HeaderWalk walk(text);
    while (auto field = walk.next()) {
        if (text_contains(imap::single_blanks(field->whole), folded)) {
            return true;
        }
    }
    return false;
}

// True for a message whose body is text as it stands: one part, nothing encoded.
bool is_plain_text(std::string_view header) {
    auto field = imap::find_field(header, "Content-Type");
    if (field) {
        imap::MediaType type = imap::parse_media_type(field->value);
        if (!iequals(type.type, "text") ||
            !imap::keeps_ascii(imap::find_parameter(type.parameters, "charset"))) {
            return false;
        }
    }
    return !imap::find_field(header, "Content-Transfer-Encoding");
}

}  // namespace

bool text_contains(std::string_view text, const std::string& folded) {
    std::string mapped = unicode_casemap(text);
    return ::memmem(mapped.data(), mapped.size(), folded.data(), folded.size()) != nullptr;
}

std::string_view header_of(std::string_view message) {
    if (message.starts_with("\n") || message.starts_with("\r\n")) {
        return message.substr(0, message.find('\n') + 1);
    }
    for (std::size_t at = 0; (at = message.find('\n', at)) != std::string_view::npos; ++at) {
        std::string_view next = message.substr(at + 1, 2);
        if (next.starts_with('\n') || next == "\r\n") {
            return message.substr(0, at + (next[0] == '\n' ? 2 : 3));
        }
    }
    return message;
}

bool MessageText::contains(const SoughtText& sought) {
    if (sought.folded.empty()) {
        return true;
    }
    std::string_view header = header_of(file_);
    if (sought.where == SoughtText::Where::kEverywhere && header_contains(header, sought.folded)) {
        return true;
    }
    if (is_plain_text(header)) {
        std::string_view body = file_.substr(header.size());
        if (is_ascii(body)) {
            return text_contains(body, sought.folded);
        }
    }
    if (!root_) {
        root_ = imap::parse_mime(file_);
    }
    return body_contains(*root_, sought);
}

// The headers of parts and of attached messages are no body, as with Dovecot: names of attachments
// are found everywhere alone.
bool MessageText::body_contains(const imap::MimePart& part, const SoughtText& sought) const {
    if (part.children.empty()) {
        return part_contains(part, sought.folded);
    }
    bool everywhere = sought.where == SoughtText::Where::kEverywhere;
    return std::ranges::any_of(part.children, [&](const imap::MimePart& child) {
        std::string_view header =
            file_.substr(child.begin.offset, child.body.offset - child.begin.offset);
        return (everywhere && header_contains(header, sought.folded)) ||
               body_contains(child, sought);
    });
}

// Only text is looked into: nobody means the letters of a picture's base64.
bool MessageText::part_contains(const imap::MimePart& part, const std::string& folded) const {
    if (!part.is_text() && !iequals(part.type, "message") && !part.is_multipart()) {
        return false;
    }
    std::string_view header = file_.substr(part.begin.offset, part.body.offset - part.begin.offset);
    std::string_view body = file_.substr(part.body.offset, part.end.offset - part.body.offset);
    auto field = imap::find_field(header, "Content-Transfer-Encoding");
    std::string encoding = field ? imap::parse_mime_value(field->value).value : "";
    std::string_view charset = imap::find_parameter(part.parameters, "charset");
    bool encoded = iequals(encoding, "base64") || iequals(encoding, "quoted-printable");
    if (!encoded && is_ascii(body) && imap::keeps_ascii(charset)) {
        return text_contains(body, folded);
    }
    return text_contains(imap::to_utf8(imap::decode_transfer(body, encoding), charset), folded);
}

}  // namespace relais
