// BODY and BODYSTRUCTURE.
#include <algorithm>
#include <optional>

#include "lib/base/strings.h"
#include "lib/imap/envelope.h"
#include "lib/imap/format.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

void append_parameters(std::string& out, const MimeParameters& parameters) {
    if (parameters.empty()) {
        out += "NIL";
        return;
    }
    char before = '(';
    for (const auto& [name, value] : parameters) {
        out += before;
        append_string(out, name);
        out += ' ';
        append_string(out, value);
        before = ' ';
    }
    out += ')';
}

std::optional<std::string> text_of(std::string_view header, std::string_view name) {
    auto field = find_field(header, name);
    return field ? std::optional(text_on_one_line(field->value)) : std::nullopt;
}

// Of several fields the first with parameters, else the last.
std::optional<MimeValue> disposition_of(std::string_view header) {
    std::optional<MimeValue> found;
    HeaderWalk walk(header);
    for (auto field = walk.next(); field; field = walk.next()) {
        if (iequals(field->name, "Content-Disposition")) {
            found = parse_mime_value(field->value);
            if (!found->parameters.empty()) {
                break;
            }
        }
    }
    return found;
}

void append_disposition(std::string& out, std::string_view header) {
    auto value = disposition_of(header);
    if (!value) {
        out += "NIL";
        return;
    }
    out += '(';
    append_string(out, value->value);
    out += ' ';
    append_parameters(out, value->parameters);
    out += ')';
}

// RFC 3282: a list of tags
void append_language(std::string& out, std::string_view header) {
    auto field = find_field(header, "Content-Language");
    auto tags = parse_atoms(field ? field->value : std::string_view());
    if (tags.empty()) {
        out += "NIL";
        return;
    }
    char before = '(';
    for (const std::string& tag : tags) {
        out += before;
        append_string(out, tag);
        before = ' ';
    }
    out += ')';
}

// disposition, language, location: what BODYSTRUCTURE has at the end of every part
void append_extension(std::string& out, std::string_view header) {
    out += ' ';
    append_disposition(out, header);
    out += ' ';
    append_language(out, header);
    out += ' ';
    append_nstring(out, text_of(header, "Content-Location"));
}

class BodyWriter {
  public:
    BodyWriter(std::string& out, std::string_view message, BodyForm form)
        : out_(out), message_(message), form_(form) {}

    void append_message(const MimePart& message) {
        // RFC 2045 4: what does not say that it is MIME has no MIME fields, as Dovecot has it.
        std::string_view header = header_of(message);
        bool is_mime = find_field(header, "MIME-Version") || find_field(header, "Content-Type");
        append(message, is_mime ? header : std::string_view());
    }

  private:
    void append(const MimePart& part, std::string_view header) {
        out_ += '(';
        if (part.is_multipart()) {
            append_multipart(part, header);
        } else {
            append_single(part, header);
        }
        out_ += ')';
    }

    std::string_view header_of(const MimePart& part) const {
        return message_.substr(part.begin.offset, part.body.offset - part.begin.offset);
    }

    void append_multipart(const MimePart& part, std::string_view header) {
        for (const MimePart& child : part.children) {
            append(child, header_of(child));
        }
        out_ += ' ';
        append_string(out_, part.subtype);
        if (form_ == BodyForm::kBodyStructure) {
            out_ += ' ';
            append_parameters(out_, part.parameters);
            append_extension(out_, header);
        }
    }

    void append_single(const MimePart& part, std::string_view header) {
        append_string(out_, part.type);
        out_ += ' ';
        append_string(out_, part.subtype);
        out_ += ' ';
        append_type_parameters(part);
        out_ += ' ';
        append_nstring(out_, text_of(header, "Content-ID"));
        out_ += ' ';
        append_nstring(out_, text_of(header, "Content-Description"));
        out_ += ' ';
        append_string(out_, encoding_of(header));
        out_ += ' ' + std::to_string(part.body_wire_size());
        if (part.is_message()) {
            append_attached(part);
        } else if (part.is_text()) {
            out_ += ' ' + std::to_string(part.body_lines());
        }
        if (form_ == BodyForm::kBodyStructure) {
            out_ += ' ';
            append_nstring(out_, text_of(header, "Content-MD5"));
            append_extension(out_, header);
        }
    }

    void append_type_parameters(const MimePart& part) {
        bool named = std::ranges::any_of(part.parameters, [](const MimeParameter& parameter) {
            return iequals(parameter.first, "charset");
        });
        if (part.is_text() && !named) {
            MimeParameters completed = part.parameters;  // RFC 2045 5.2
            completed.emplace_back("charset", "us-ascii");
            append_parameters(out_, completed);
        } else {
            append_parameters(out_, part.parameters);
        }
    }

    static std::string encoding_of(std::string_view header) {
        auto field = find_field(header, "Content-Transfer-Encoding");
        std::string value = field ? parse_mime_token(field->value) : "";
        return value.empty() ? "7bit" : value;
    }

    void append_attached(const MimePart& part) {
        const MimePart& inner = part.children.front();
        out_ += ' ';
        append_envelope(out_, header_of(inner));
        out_ += ' ';
        append_message(inner);
        out_ += ' ' + std::to_string(part.body_lines());
    }

    std::string& out_;
    std::string_view message_;
    BodyForm form_;
};

}  // namespace

void append_body(std::string& out, std::string_view message, const MimePart& part, BodyForm form) {
    BodyWriter(out, message, form).append_message(part);
}

}  // namespace relais::imap
