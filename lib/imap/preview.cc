#include "lib/imap/preview.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

constexpr std::size_t kCharacters = 200;         // RFC 8970 3.3
constexpr std::size_t kMostText = 64 * 1024;     // looked at, of text
constexpr std::size_t kMostMarkup = 256 * 1024;  // of HTML, which may begin with styles
constexpr std::size_t kLongestEntity = 10;

// In multipart/alternative the plain text, elsewhere the first text.
const MimePart* first_text(const MimePart& part) {
    if (part.children.empty()) {
        return part.is_text() ? &part : nullptr;
    }
    if (part.is_message()) {
        return nullptr;
    }
    const MimePart* found = nullptr;
    for (const MimePart& child : part.children) {
        const MimePart* text = first_text(child);
        bool plain = text != nullptr && iequals(text->subtype, "plain");
        if (found == nullptr || plain) {
            found = text != nullptr ? text : found;
        }
        if (found != nullptr && (plain || !iequals(part.subtype, "alternative"))) {
            break;
        }
    }
    return found;
}

std::string text_of(std::string_view message, const MimePart& part) {
    std::string_view header =
        message.substr(part.begin.offset, part.body.offset - part.begin.offset);
    std::string_view body = message.substr(part.body.offset, part.end.offset - part.body.offset);
    auto field = find_field(header, "Content-Transfer-Encoding");
    std::string encoding = field ? parse_mime_value(field->value).value : "";
    body = body.substr(0, iequals(part.subtype, "html") ? kMostMarkup : kMostText);
    return to_utf8(decode_transfer(body, encoding), find_parameter(part.parameters, "charset"));
}

struct Entity {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Entity, 13> kEntities = {{{"amp", "&"},
                                               {"lt", "<"},
                                               {"gt", ">"},
                                               {"quot", "\""},
                                               {"apos", "'"},
                                               {"euro", "\xe2\x82\xac"},
                                               {"ndash", "\xe2\x80\x93"},
                                               {"mdash", "\xe2\x80\x94"},
                                               {"lsquo", "\xe2\x80\x98"},
                                               {"rsquo", "\xe2\x80\x99"},
                                               {"ldquo", "\xe2\x80\x9c"},
                                               {"rdquo", "\xe2\x80\x9d"},
                                               {"hellip", "\xe2\x80\xa6"}}};

// HTML 4 24.2.1: the names of U+00A0 and what follows it.
constexpr std::uint64_t kFirstOfLatin1 = 0xa0;
constexpr std::array<std::string_view, 96> kLatin1 = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

// The character of an entity that says which: by number, or by name.
std::optional<std::uint64_t> code_of(std::string_view name) {
    if (name.starts_with('#')) {
        return parse_uint(name.substr(1));
    }
    auto latin1 = std::ranges::find(kLatin1, name);
    return latin1 == kLatin1.end()
               ? std::nullopt
               : std::optional(kFirstOfLatin1 +
                               static_cast<std::uint64_t>(latin1 - kLatin1.begin()));
}

void append_code(std::string& out, std::uint64_t code) {
    if (code < 0x80) {
        out += code < 0x20 ? ' ' : static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

// "&amp;" or "&#228;" at `at`; the place behind it.
std::size_t append_entity(std::string& out, std::string_view html, std::size_t at) {
    auto end = html.substr(at, kLongestEntity).find(';');
    std::string_view name = end == std::string_view::npos ? "" : html.substr(at + 1, end - 1);
    auto known = std::ranges::find(kEntities, name, &Entity::name);
    if (known != kEntities.end()) {
        out += known->text;
        return at + end + 1;
    }
    auto code = code_of(name);
    if (code && *code > 0 && *code < 0x110000 && (*code < 0xd800 || *code > 0xdfff)) {
        append_code(out, *code);
        return at + end + 1;
    }
    out += '&';
    return at + 1;
}

// Behind the tag that begins at `at`; what a script or a style says is no text.
std::size_t behind_tag(std::string_view html, std::size_t at) {
    std::string_view rest = html.substr(at);
    if (rest.starts_with("<!--")) {
        auto end = html.find("-->", at + 4);
        return end == std::string_view::npos ? html.size() : end + 3;
    }
    for (std::string_view name : {"script", "style"}) {
        if (istarts_with(rest.substr(1), name)) {
            std::string close = "</" + std::string(name);
            while ((at = html.find("</", at + 1)) != std::string_view::npos &&
                   !istarts_with(html.substr(at), close)) {
            }
            break;
        }
    }
    auto end = at == std::string_view::npos ? at : html.find('>', at);
    return end == std::string_view::npos ? html.size() : end + 1;
}

std::string without_markup(std::string_view html) {
    std::string out;
    for (std::size_t at = 0; at < html.size();) {
        if (html[at] == '<') {
            at = behind_tag(html, at);
            out += ' ';
        } else if (html[at] == '&') {
            at = append_entity(out, html, at);
        } else {
            out += html[at++];
        }
    }
    return out;
}

// The lines that are not quotations; where all are, those, behind a ">".
std::string without_quotations(std::string_view text) {
    std::string own;
    std::string quoted;
    for (std::string_view line : split_fields(text, '\n')) {
        bool quotation = line.starts_with('>');
        std::string& into = quotation ? quoted : own;
        into += quotation ? trim_left(line, "> \t") : line;
        into += '\n';
    }
    return trim(own).empty() && !trim(quoted).empty() ? ">" + std::string(trim(quoted)) : own;
}

// On one line, no longer than it may be, and nothing that controls a terminal.
std::string first_characters(std::string_view text) {
    std::string out;
    std::size_t characters = 0;
    bool blank = false;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f) {
            blank = !out.empty();
            continue;
        }
        bool begins = (byte & 0xc0U) != 0x80;
        characters += (begins ? 1U : 0U) + (blank ? 1U : 0U);
        if (characters > kCharacters) {
            break;
        }
        out += blank ? " " : "";
        out += c;
        blank = false;
    }
    return out;
}

// What is no UTF-8, whatever the message says of it, as U+FFFD.
std::string with_replacements(const std::string& text) {
    if (is_utf8(text)) {
        return text;
    }
    std::string out;
    bool replaced = false;
    for (std::string_view left = text; !left.empty();) {
        std::size_t size = 1;
        while (size < 4 && !is_utf8(left.substr(0, size))) {
            ++size;
        }
        bool valid = is_utf8(left.substr(0, size));
        size = valid ? size : 1;
        if (valid) {
            out += left.substr(0, size);
        } else if (!replaced) {
            out += "\xef\xbf\xbd";
        }
        replaced = !valid;
        left.remove_prefix(size);
    }
    return out;
}

}  // namespace

std::string make_preview(std::string_view message, const MimePart& root) {
    const MimePart* part = first_text(root);
    if (part == nullptr) {
        return "";
    }
    std::string text = text_of(message, *part);
    text = iequals(part->subtype, "html") ? without_markup(text) : without_quotations(text);
    return first_characters(with_replacements(text));
}

}  // namespace relais::imap
