// The receiving side of DATA: see the header.
#include "lib/smtp/data_decoder.h"

#include <utility>

namespace relais::smtp {

std::string_view without_line_end(std::string_view text, BareNewline mode) {
    if (text.ends_with('\r')) {
        text.remove_suffix(1);
        while (mode == BareNewline::kAccept && text.ends_with('\r')) {
            text.remove_suffix(1);  // as Postfix always did
        }
    }
    return text;
}

DataDecoder::Line DataDecoder::take_piece(std::string_view& input) {
    Line line{input.substr(0, line_limit_), LinePart::kPartial};
    input.remove_prefix(line_limit_);
    if (!in_line_ && line.text.starts_with('.')) {
        line.text.remove_prefix(1);
    }
    in_line_ = true;
    return line;
}

DataDecoder::Step DataDecoder::next(std::string_view& input, Line& line) {
    for (;;) {
        // A CR at the limit is in the piece only if no LF follows.
        const bool cr_at_limit = input.size() >= line_limit_ && input[line_limit_ - 1] == '\r';
        const auto window = line_limit_ + (cr_at_limit ? 1 : 0);
        const auto newline = input.substr(0, window).find('\n');
        if (newline == std::string_view::npos) {
            if (input.size() < window) {
                return Step::kNeedMore;
            }
            line = take_piece(input);
            return Step::kLine;
        }
        auto text = input.substr(0, newline);
        input.remove_prefix(newline + 1);
        const bool crlf = text.ends_with('\r');
        text = without_line_end(text, mode_);
        saw_bare_newline_ = saw_bare_newline_ || !crlf;
        const bool begins = !std::exchange(in_line_, false);
        const bool clean = std::exchange(after_crlf_, crlf) && crlf;
        const bool dot = begins && text.starts_with('.');
        text.remove_prefix(dot ? 1 : 0);
        if (!dot || !text.empty()) {
            line = {text, LinePart::kWhole};
            return Step::kLine;
        }
        if (clean || mode_ == BareNewline::kAccept) {
            return Step::kEnd;
        }
        // A dot beside a bare newline is neither an end nor content.
    }
}

}  // namespace relais::smtp
