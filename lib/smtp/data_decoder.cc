// The receiving side of DATA: see the header.
#include "lib/smtp/data_decoder.h"

#include <utility>

namespace relais::smtp {

// A long line goes out in pieces; a CR stays together with the LF that may follow.
DataDecoder::Line DataDecoder::take_piece(std::string_view& input) {
    auto cut = line_limit_;
    if (input[cut - 1] == '\r' && cut > 1) {
        --cut;
    }
    Line line{input.substr(0, cut), LinePart::kPartial};
    input.remove_prefix(cut);
    if (!in_line_ && line.text.starts_with('.')) {
        line.text.remove_prefix(1);
    }
    in_line_ = true;
    return line;
}

DataDecoder::Step DataDecoder::next(std::string_view& input, Line& line) {
    for (;;) {
        const auto newline = input.substr(0, line_limit_).find('\n');
        if (newline == std::string_view::npos) {
            if (input.size() < line_limit_) {
                return Step::kNeedMore;
            }
            line = take_piece(input);
            return Step::kLine;
        }
        auto text = input.substr(0, newline);
        input.remove_prefix(newline + 1);
        const bool crlf = text.ends_with('\r');
        text.remove_suffix(crlf ? 1 : 0);
        while (mode_ == BareNewline::kAccept && text.ends_with('\r')) {
            text.remove_suffix(1);  // as Postfix always did
        }
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
