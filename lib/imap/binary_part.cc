#include "lib/imap/binary_part.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/section.h"

namespace relais::imap {

namespace {

constexpr std::string_view kEncodingField = "Content-Transfer-Encoding";
constexpr std::size_t kBase64Line = 57;  // bytes that make 76 characters (RFC 2045 6.8)

std::string_view slice(std::string_view message, const Mark& from, const Mark& to) {
    return message.substr(from.offset, to.offset - from.offset);
}

std::string encoding_of(std::string_view header) {
    auto field = find_field(header, kEncodingField);
    return field ? lowercase(trim(parse_mime_value(field->value).value)) : "";
}

bool is_identity(std::string_view encoding) {
    return encoding.empty() || encoding == "7bit" || encoding == "8bit" || encoding == "binary";
}

bool is_known(std::string_view encoding) {
    return is_identity(encoding) || encoding == "base64" || encoding == "quoted-printable";
}

std::string wire_text(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 32);
    for (std::size_t at = 0; at < text.size();) {
        auto end = std::min(text.find('\n', at), text.size());
        out += text.substr(at, end - at);
        if (end < text.size()) {
            out += end > 0 && text[end - 1] == '\r' ? "\n" : "\r\n";
        }
        at = end + 1;
    }
    return out;
}

// The header with another encoding in it.
std::string header_saying(std::string_view header, std::string_view encoding) {
    auto field = find_field(header, kEncodingField);
    if (!field) {
        return std::string(header);
    }
    auto at = static_cast<std::size_t>(field->whole.data() - header.data());
    std::string line_end = field->whole.ends_with("\r\n") ? "\r\n"
                           : field->whole.ends_with('\n') ? "\n"
                                                          : "";
    std::string out(header.substr(0, at));
    out += std::string(kEncodingField) + ": " + std::string(encoding) + line_end;
    out += header.substr(at + field->whole.size());
    return out;
}

class Decoder {
  public:
    explicit Decoder(std::string_view message) : message_(message) {}

    // Depth is bounded by the parser.
    Result<void> write(const MimePart& part, PartHeader header) {
        std::string_view fields = slice(message_, part.begin, part.body);
        std::string encoding = encoding_of(fields);
        bool decode = part.children.empty() && !is_identity(encoding);
        if (part.children.empty() && !is_known(encoding)) {
            return fail(Errc::kSyntax, "Unknown Content-Transfer-Encoding");
        }
        if (header == PartHeader::kWrite) {
            out_.bytes += wire_text(decode ? header_saying(fields, "binary") : std::string(fields));
        }
        if (decode) {
            std::string body = wire_text(slice(message_, part.body, part.end));
            out_.bytes += decode_transfer(body, encoding);
            out_.decoded = true;
            return {};
        }
        return write_children(part);
    }

    DecodedPart take() { return std::move(out_); }

  private:
    Result<void> write_children(const MimePart& part) {
        Mark at = part.body;
        for (const MimePart& child : part.children) {
            out_.bytes += wire_text(slice(message_, at, child.begin));
            auto written = write(child, PartHeader::kWrite);
            if (!written) {
                return written;
            }
            at = child.end;
        }
        out_.bytes += wire_text(slice(message_, at, part.end));
        return {};
    }

    std::string_view message_;
    DecodedPart out_;
};

void append_base64_lines(std::string& out, std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += kBase64Line) {
        out += base64_encode(bytes.substr(at, kBase64Line));
        out += "\r\n";
    }
}

void encode_part(std::string& out, std::string_view message, const MimePart& part) {
    std::string_view header = slice(message, part.begin, part.body);
    if (part.children.empty() && encoding_of(header) == "binary") {
        out += header_saying(header, "base64");
        append_base64_lines(out, slice(message, part.body, part.end));
        return;
    }
    out += header;
    Mark at = part.body;
    for (const MimePart& child : part.children) {
        out += slice(message, at, child.begin);
        encode_part(out, message, child);
        at = child.end;
    }
    out += slice(message, at, part.end);
}

}  // namespace

Result<DecodedPart> decode_part(std::string_view message, const MimePart& part, PartHeader header) {
    Decoder decoder(message);
    auto written = decoder.write(part, header);
    if (!written) {
        return fail_with(written);
    }
    return decoder.take();
}

std::string encode_binary_parts(std::string_view message) {
    std::string out;
    out.reserve(message.size() + message.size() / 2);
    encode_part(out, message, parse_mime(message));
    return out;
}

}  // namespace relais::imap
