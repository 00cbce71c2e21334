// The MIME structure of a message, found line by line while the message passes: which lines are
// headers of the message, of a part or of an attached message, and which are body.  cleanup
// drives its header and body checks with it, the SMTP client its conversion to 7 bits.
// RFC 2045, RFC 2046
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/content_type.h"
#include "lib/mail/header.h"

namespace relais {

enum class HeaderContext : std::uint8_t {
    kPrimary,  // of the message
    kMime,     // of a part of a multipart
    kNested,   // of an attached message (message/rfc822)
};

enum class LinePart : std::uint8_t {
    kWhole,    // ends here
    kPartial,  // goes on in the next call
};

class MimeSink {
  public:
    virtual ~MimeSink() = default;

    // A header, its lines joined with "\n".  `info` is null for one that is not in the table.
    virtual void header(HeaderContext context, const HeaderInfo* info, std::string text) = 0;

    // After the last header of the message (`context` kPrimary) or a part, before the empty line.
    virtual void end_of_headers(HeaderContext context) = 0;

    // A line of a body: also boundaries, preambles and the empty line between header and body.
    virtual void body(std::string_view line, LinePart part) = 0;

    // Something is wrong with `text`.  Once for each kind of problem.
    virtual void problem(unsigned problem, std::string_view text);
};

enum MimeProblem : unsigned {
    kMimeNesting = 1,          // deeper than the limit: the rest is not looked into
    kMimeTruncatedHeader = 2,  // longer than the limit: cut
    kMime8bitInHeader = 4,     // non-ASCII bytes in a header
    kMime8bitIn7bitBody = 8,   // non-ASCII bytes in a body that says 7bit
    kMimeEncodingDomain = 16,  // an encoding that multipart or message types must not have
    kMimeNonEmptyEnd = 32,     // the header of the message ends without an empty line
};

// The text for a reply or log line about a problem (one bit).
[[nodiscard]] std::string_view mime_problem_text(unsigned problem);

struct MimeOptions {
    std::size_t nesting_limit = 100;    // mime_nesting_limit
    std::size_t boundary_limit = 2048;  // mime_boundary_length_limit
    std::size_t header_limit = 102400;  // header_size_limit
    enum class Structure { kFollow, kIgnore } structure = Structure::kFollow;
    // Makes an 8bit message fit for 7 bits (RFC 6152): parts become quoted-printable.
    enum class Convert { kNo, kTo7bit } convert = Convert::kNo;
};

class MimeParser {
  public:
    MimeParser(MimeOptions options, MimeSink& sink);

    // The next line, without its line end.  Partial lines are how long lines come in pieces.
    void line(std::string_view text, LinePart part = LinePart::kWhole);

    // The message is over.
    void finish();

    unsigned problems() const { return problems_; }

    // The Content-Transfer-Encoding of the message as its own header says it.
    TransferEncoding message_encoding() const { return message_encoding_; }

    // In MimeSink::body(): where the line begins in the body it belongs to.  What follows the last
    // part of a multipart counts as a body of its own.
    std::size_t body_offset() const { return body_offset_; }

    bool saw_8bit_body() const { return saw_8bit_body_; }

  private:
    enum class State : std::uint8_t { kHeader, kBody };

    enum class Kind : std::uint8_t { kLeaf, kMultipart, kMessage };

    struct Entity {
        std::string boundary;  // of a multipart
        bool digest = false;
    };

    void report(unsigned problem, std::string_view text);
    void add_to_header(std::string_view text);
    void header_line(std::string_view text, LinePart part);
    void body_line(std::string_view text, LinePart part);
    void emit_header();
    void note_mime_header(const HeaderInfo& info, std::string_view text);
    void end_header();
    void begin_header(HeaderContext context);
    bool match_boundary(std::string_view text);
    bool converting() const;
    void put_body(std::string_view text, LinePart part);
    void convert_line(std::string_view text, LinePart part);
    void emit_body(std::string_view text, LinePart part);
    void flush_converted(std::string_view tail);

    MimeOptions options_;
    MimeSink& sink_;
    std::vector<Entity> stack_;  // the multiparts that are open
    State state_ = State::kHeader;
    HeaderContext context_ = HeaderContext::kPrimary;
    std::string header_;      // the header being collected
    bool in_header_ = false;  // the last line belongs to header_
    bool partial_ = false;    // the last line goes on
    // Of the entity whose header was read last:
    ContentType type_;
    TransferEncoding encoding_ = TransferEncoding::k7bit;
    std::string type_text_, encoding_text_;  // as the headers have it
    Kind kind_ = Kind::kLeaf;
    bool leaf_converted_ = false;
    TransferEncoding message_encoding_ = TransferEncoding::k7bit;
    bool saw_8bit_body_ = false;
    std::size_t body_offset_ = 0;
    unsigned problems_ = 0;
    std::string converted_;  // quoted-printable line in the making
};

}  // namespace relais
