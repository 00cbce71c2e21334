// The MIME structure of a message (RFC 2045, 2046) as offsets into its bytes, however long it is.
// Lines may end in LF or CRLF; sizes are also known as they are once every line ends in CRLF, as
// IMAP shows messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::imap {

// A place in the message, and what lies before it.
struct Mark {
    std::uint64_t offset = 0;
    std::uint64_t lines = 0;     // line ends
    std::uint64_t bare_lfs = 0;  // line ends without CR

    // The place as it is once every line ends in CRLF.
    std::uint64_t wire() const { return offset + bare_lfs; }
};

using MimeParameter = std::pair<std::string, std::string>;
using MimeParameters = std::vector<MimeParameter>;

struct MimePart {
    Mark begin;  // of the header
    Mark body;   // behind the empty line
    Mark end;
    std::string type;  // as written: "text", "TEXT"; empty: the field is there, and makes no sense
    std::string subtype;
    MimeParameters parameters;
    std::vector<MimePart> children;  // a multipart's parts, or the message in a message/rfc822:
                                     // always one at least, which may be empty

    bool is_multipart() const;
    bool is_message() const;
    bool is_text() const;

    std::uint64_t body_lines() const { return end.lines - body.lines; }

    std::uint64_t body_wire_size() const { return end.wire() - body.wire(); }
};

// Never fails: what cannot be understood is text.  Depth and number of parts are bounded.
[[nodiscard]] MimePart parse_mime(std::string_view message);

// Only where the header ends and the size of everything; children are not looked for.
[[nodiscard]] MimePart parse_mime_flat(std::string_view message);

// The wire size of a text: its size once every line ends in CRLF.
[[nodiscard]] std::uint64_t wire_size(std::string_view text);

// A token with parameters: Content-Disposition (RFC 2183).  The pieces of a long parameter are one
// here, in RFC 2231's encoding where they use it: "filename*".
struct MimeValue {
    std::string value;  // as written: "Attachment"
    MimeParameters parameters;
};

[[nodiscard]] MimeValue parse_mime_value(std::string_view text);

// Content-Type (RFC 2045 5.1).  A type alone has no subtype and no parameters; what is none has
// nothing at all.
struct MediaType {
    std::string type;
    std::string subtype;
    MimeParameters parameters;
};

[[nodiscard]] MediaType parse_media_type(std::string_view text);

// Content-Transfer-Encoding: empty where there is more than one token.
[[nodiscard]] std::string parse_mime_token(std::string_view text);
// "en, de": up to what is none.
[[nodiscard]] std::vector<std::string> parse_atoms(std::string_view text);
[[nodiscard]] std::string_view find_parameter(const MimeParameters& parameters,
                                              std::string_view name);

}  // namespace relais::imap
