#include "lib/load/reply_line.h"

#include <algorithm>

namespace relais::load {

ReplyLine split_reply_line(std::string_view line) {
    auto digits = std::min(line.find_first_not_of("0123456789"), line.size());
    if (digits != 3) {
        return {0, true, line.substr(digits > 0 && digits < line.size() ? digits + 1 : digits)};
    }
    int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    bool is_last = line.size() == 3 || line[3] != '-';
    return {code, is_last, line.size() > 3 ? line.substr(4) : ""};
}

}  // namespace relais::load
