// The sending side of DATA: see the header.
#include "lib/smtp/data_encoder.h"

namespace relais::smtp {

void DataEncoder::line(std::string_view text, LinePart part, std::string& out) {
    if (!in_line_ && text.starts_with('.')) {
        out += '.';
    }
    if (line_limit_ == 0) {
        out += text;
    } else {
        while (column_ + text.size() > line_limit_) {
            const auto room = line_limit_ - column_;
            out += text.substr(0, room);
            out += "\r\n ";
            text.remove_prefix(room);
            column_ = 1;
            ++breaks_;
        }
        out += text;
        column_ += text.size();
    }
    in_line_ = part == LinePart::kPartial;
    if (!in_line_) {
        out += "\r\n";
        column_ = 0;
    }
}

void DataEncoder::finish(std::string& out) {
    if (in_line_) {
        out += "\r\n";
        in_line_ = false;
        column_ = 0;
    }
    out += ".\r\n";
}

}  // namespace relais::smtp
