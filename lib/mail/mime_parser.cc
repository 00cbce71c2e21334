// The MIME state machine: see the header.
#include "lib/mail/mime_parser.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {
namespace {

// Quoted-printable lines are broken here, well below RFC 2045's 76.
constexpr std::size_t kQuotedWidth = 72;

bool is_continuation(std::string_view line) {
    return line.starts_with(' ') || line.starts_with('\t');
}

}  // namespace

std::string_view mime_problem_text(unsigned problem) {
    switch (problem) {
        case kMimeNesting:
            return "MIME nesting exceeds safety limit";
        case kMimeTruncatedHeader:
            return "message header length exceeds safety limit";
        case kMime8bitInHeader:
            return "improper use of 8-bit data in message header";
        case kMime8bitIn7bitBody:
            return "improper use of 8-bit data in message body";
        case kMimeEncodingDomain:
            return "invalid message/* or multipart/* encoding domain";
        case kMimeNonEmptyEnd:
            return "message header was not terminated by empty line";
        default:
            return "";
    }
}

void MimeSink::problem(unsigned /*problem*/, std::string_view /*text*/) {
}

void MimeParser::report(unsigned problem, std::string_view text) {
    if ((problems_ & problem) == 0) {
        problems_ |= problem;
        sink_.problem(problem, text);
    }
}

MimeParser::MimeParser(MimeOptions options, MimeSink& sink) : options_(options), sink_(sink) {
    begin_header(HeaderContext::kPrimary);
}

void MimeParser::begin_header(HeaderContext context) {
    state_ = State::kHeader;
    context_ = context;
    type_ = parse_content_type("");
    if (context == HeaderContext::kMime && !stack_.empty() && stack_.back().digest) {
        type_.type = "message";
        type_.subtype = "rfc822";
    }
    encoding_ = TransferEncoding::k7bit;
    kind_ = Kind::kLeaf;
}

void MimeParser::line(std::string_view text, LinePart part) {
    if (state_ == State::kHeader) {
        header_line(text, part);
    } else {
        body_line(text, part);
    }
    partial_ = part == LinePart::kPartial;
}

// What follows a NUL in a header would not be there for a C program, so it is for none.
static std::string_view without_nul(std::string_view text) {
    return text.substr(0, text.find('\0'));
}

// A line (or a piece of one) is taken whole, or not at all: the limit may be exceeded once.
void MimeParser::add_to_header(std::string_view text) {
    if (header_.size() < options_.header_limit) {
        header_ += without_nul(text);
    } else {
        report(kMimeTruncatedHeader, text);
    }
}

void MimeParser::header_line(std::string_view text, LinePart part) {
    if (partial_ && in_header_) {
        add_to_header(text);
        return;
    }
    if (in_header_ && is_continuation(text)) {
        add_to_header("\n" + std::string(text));
        return;
    }
    emit_header();
    if (std::size_t name = header_name_length(text); name > 0) {
        // RFC 5322 4.5: old mail may have blanks before the colon.
        header_ = text.substr(0, name);
        header_ += without_nul(text.substr(text.find(':', name)));
        in_header_ = true;
        return;
    }
    if (!text.empty() && context_ == HeaderContext::kPrimary) {
        report(kMimeNonEmptyEnd, text);
    }
    end_header();
    if (!text.empty()) {
        // The empty line is missing: a body that begins at once gets one.  Parts stay as they are.
        if (context_ == HeaderContext::kPrimary) {
            put_body("", LinePart::kWhole);
        }
    } else if (part == LinePart::kWhole) {
        // The empty line is no content: it must not be encoded, nor be taken for a boundary.
        emit_body("", LinePart::kWhole);
        if (kind_ == Kind::kMessage) {
            begin_header(HeaderContext::kNested);
        }
        return;
    }
    body_line(text, part);
}

void MimeParser::emit_header() {
    if (!in_header_) {
        return;
    }
    in_header_ = false;
    auto text = std::exchange(header_, {});
    const auto* info = find_header(text);
    if (!is_ascii(text)) {
        report(kMime8bitInHeader, text);
    }
    if (info != nullptr && (info->traits & kHeaderMime) != 0 &&
        options_.structure == MimeOptions::Structure::kFollow) {
        note_mime_header(*info, text);
        // The converted form says another encoding: end_header() writes it.
        if (info->id == HeaderId::kContentTransferEncoding && converting()) {
            return;
        }
    }
    sink_.header(context_, info, std::move(text));
}

void MimeParser::note_mime_header(const HeaderInfo& info, std::string_view text) {
    if (info.id == HeaderId::kContentType) {
        type_text_ = text;
        type_ = parse_content_type(header_body(text));
    } else if (info.id == HeaderId::kContentTransferEncoding) {
        encoding_text_ = trim(header_body(text));
        encoding_ = parse_transfer_encoding(encoding_text_);
        if (context_ == HeaderContext::kPrimary) {
            message_encoding_ = encoding_;
        }
    }
}

bool MimeParser::converting() const {
    return options_.convert == MimeOptions::Convert::kTo7bit &&
           (encoding_ == TransferEncoding::k8bit || encoding_ == TransferEncoding::kBinary);
}

void MimeParser::end_header() {
    kind_ = Kind::kLeaf;
    leaf_converted_ = false;
    const auto context = context_;
    if (options_.structure == MimeOptions::Structure::kFollow) {
        const bool multipart = type_.type == "multipart";
        const bool message = type_.is("message", "rfc822") || type_.is("message", "global");
        if ((multipart || message) && (encoding_ == TransferEncoding::kQuotedPrintable ||
                                       encoding_ == TransferEncoding::kBase64)) {
            report(kMimeEncodingDomain, encoding_text_);
        }
        if (multipart && stack_.size() > options_.nesting_limit + 1) {
            report(kMimeNesting, type_text_);
        } else if (multipart) {
            Entity entity;
            entity.boundary = type_.parameter("boundary").substr(0, options_.boundary_limit);
            entity.digest = type_.subtype == "digest";
            kind_ = Kind::kMultipart;
            if (!entity.boundary.empty()) {
                stack_.push_back(std::move(entity));
            }
        } else if (message) {
            kind_ = Kind::kMessage;
        }
        if (converting()) {
            leaf_converted_ = kind_ == Kind::kLeaf;
            sink_.header(context, &header_info(HeaderId::kContentTransferEncoding),
                         leaf_converted_ ? "Content-Transfer-Encoding: quoted-printable"
                                         : "Content-Transfer-Encoding: 7bit");
        }
    }
    state_ = State::kBody;
    body_offset_ = 0;
    sink_.end_of_headers(context);
}

// RFC 2046 5.1.1: "--" boundary, and "--" again after the last part.  A boundary of an outer
// multipart ends the inner ones.
bool MimeParser::match_boundary(std::string_view text) {
    if (partial_ || !text.starts_with("--") || stack_.empty()) {
        return false;
    }
    for (auto i = stack_.size(); i-- > 0;) {
        const auto& boundary = stack_[i].boundary;
        if (!text.substr(2).starts_with(boundary)) {
            continue;
        }
        flush_converted("");
        leaf_converted_ = false;
        kind_ = Kind::kLeaf;
        const bool last = text.substr(2 + boundary.size()).starts_with("--");
        stack_.resize(last ? i : i + 1);
        body_offset_ = last ? 0 : body_offset_;
        emit_body(text, LinePart::kWhole);
        if (!last) {
            begin_header(HeaderContext::kMime);
        } else {
            encoding_ = TransferEncoding::k7bit;
        }
        return true;
    }
    return false;
}

void MimeParser::body_line(std::string_view text, LinePart part) {
    if (!partial_ && match_boundary(text)) {
        return;
    }
    if (!is_ascii(text)) {
        saw_8bit_body_ = true;
        if (encoding_ == TransferEncoding::k7bit || encoding_ == TransferEncoding::kUnknown) {
            report(kMime8bitIn7bitBody, text);
        }
    }
    put_body(text, part);
}

void MimeParser::put_body(std::string_view text, LinePart part) {
    if (leaf_converted_) {
        convert_line(text, part);
    } else {
        emit_body(text, part);
    }
}

void MimeParser::emit_body(std::string_view text, LinePart part) {
    sink_.body(text, part);
    body_offset_ += text.size() + 1;
}

void MimeParser::flush_converted(std::string_view tail) {
    if (!converted_.empty() || !tail.empty()) {
        converted_ += tail;
        emit_body(converted_, LinePart::kWhole);
        converted_.clear();
    }
}

// RFC 2045 6.7.  A line end that was in the body stays one; "=" ends the lines that are cut.
void MimeParser::convert_line(std::string_view text, LinePart part) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool last = i + 1 == text.size() && part == LinePart::kWhole;
        const bool blank = byte == ' ' || byte == '\t';
        if (byte == '=' || byte > 126 || (byte < ' ' && byte != '\t') || (blank && last)) {
            converted_ += format("={:02X}", byte);
        } else {
            converted_ += text[i];
        }
        if (converted_.size() > kQuotedWidth && !last) {
            flush_converted("=");
        }
    }
    if (part == LinePart::kWhole) {
        emit_body(converted_, LinePart::kWhole);
        converted_.clear();
    }
}

void MimeParser::finish() {
    emit_header();
    if (state_ == State::kHeader) {
        end_header();
    }
    flush_converted("");
}

}  // namespace relais
