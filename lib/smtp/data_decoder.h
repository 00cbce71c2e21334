// The content after DATA on the receiving side: lines, with the transparency dots removed, up to
// the end of data.  What counts as a line end decides whether a second message can be smuggled
// into the first: in every mode but kAccept only CRLF.CRLF ends the data.
// RFC 5321 2.3.8, 4.1.1.4, 4.5.2
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/mail/mime_parser.h"

namespace relais::smtp {

// smtpd_forbid_bare_newline
enum class BareNewline {
    kAccept,     // a bare LF is a line end everywhere, and all CRs before it are part of it
    kNormalize,  // a line end in the content, no part of the end of data
    kNote,       // the same; the caller logs that one was seen
    kReject,     // the same; the caller refuses the message where one was seen
};

// `text` without the CR that belongs to its LF.
[[nodiscard]] std::string_view without_line_end(std::string_view text, BareNewline mode);

class DataDecoder {
  public:
    DataDecoder(BareNewline mode, std::size_t line_limit) : mode_(mode), line_limit_(line_limit) {}

    enum class Step {
        kLine,      // `text` holds a line, or a piece of a long one
        kEnd,       // the end of data was taken off
        kNeedMore,  // the input holds no complete line
    };

    struct Line {
        std::string_view text;  // into the input
        LinePart part = LinePart::kWhole;
    };

    // Takes the next line off the front of `input`.
    Step next(std::string_view& input, Line& line);

    bool saw_bare_newline() const { return saw_bare_newline_; }

  private:
    Line take_piece(std::string_view& input);

    BareNewline mode_;
    std::size_t line_limit_;
    bool in_line_ = false;    // the last piece goes on
    bool after_crlf_ = true;  // the previous line ended with CRLF
    bool saw_bare_newline_ = false;
};

}  // namespace relais::smtp
