// The receiving side of DATA: see the header.
#include "lib/smtp/data_decoder.h"

#include <algorithm>

namespace relais::smtp {

DataDecoder::Step DataDecoder::next(std::string_view& input, Line& line) {
    for (;;) {
        const auto newline = input.substr(0, line_limit_).find('\n');
        if (newline == std::string_view::npos) {
            if (input.size() < line_limit_) {
                return Step::kNeedMore;
            }
            // A long line goes out in pieces; a CR stays together with the LF that may follow.
            auto cut = line_limit_;
            if (input[cut - 1] == '\r' && cut > 1) {
                --cut;
            }
            line = {input.substr(0, cut), LinePart::kPartial};
            input.remove_prefix(cut);
            if (!in_line_ && line.text.starts_with('.')) {
                line.text.remove_prefix(1);
            }
            in_line_ = true;
            return Step::kLine;
        }
        auto text = input.substr(0, newline);
        input.remove_prefix(newline + 1);
        const bool crlf = text.ends_with('\r');
        if (crlf) {
            text.remove_suffix(1);
        } else {
            saw_bare_newline_ = true;
        }
        const bool begins = !std::exchange(in_line_, false);
        const bool clean = std::exchange(after_crlf_, crlf) && crlf;
        if (begins && text.starts_with('.')) {
            text.remove_prefix(1);
            if (text.empty()) {
                if (clean || mode_ == BareNewline::kAccept) {
                    return Step::kEnd;
                }
                continue;  // a dot beside a bare newline: neither an end nor content
            }
        }
        line = {text, LinePart::kWhole};
        return Step::kLine;
    }
}

}  // namespace relais::smtp
