// The receiving side of BDAT: see the header.
#include "lib/smtp/chunk_decoder.h"

#include <algorithm>
#include <utility>

#include "lib/base/strings.h"

namespace relais::smtp {

std::optional<Chunk> parse_bdat(const CommandLine& command) {
    const auto& words = command.arguments;
    if (words.empty() || words.size() > 2 ||
        (words.size() == 2 && !iequals(words[1].text, "LAST"))) {
        return std::nullopt;
    }
    const auto& digits = words[0].text;
    const bool plain = !digits.empty() && std::ranges::all_of(digits, is_digit);
    const auto size = plain ? parse_uint(digits) : std::nullopt;
    if (!size || *size > INT64_MAX) {
        return std::nullopt;
    }
    return Chunk{.size = *size, .last = words.size() == 2};
}

// A line that ended with LF, which is not in `text`.
ChunkDecoder::Line ChunkDecoder::whole(std::string_view text) {
    const auto content = without_line_end(text, mode_);
    saw_bare_newline_ = saw_bare_newline_ || content.size() == text.size();
    in_line_ = false;
    return {content, LinePart::kWhole};
}

bool ChunkDecoder::next(std::string_view& input, Line& line) {
    const auto room = line_limit_ - kept_.size();
    const auto newline = input.substr(0, room).find('\n');
    if (newline != std::string_view::npos) {
        auto text = input.substr(0, newline);
        if (!kept_.empty()) {
            taken_ = std::exchange(kept_, {});
            text = taken_ += text;
        }
        input.remove_prefix(newline + 1);
        line = whole(text);
        return true;
    }
    const auto take = std::min(room, input.size());
    kept_ += input.substr(0, take);
    input.remove_prefix(take);
    if (kept_.size() < line_limit_ || input.empty()) {
        return false;  // a line that is full may be complete, too
    }
    taken_ = std::exchange(kept_, {});
    if (taken_.ends_with('\r') && input.starts_with('\n')) {
        input.remove_prefix(1);
        line = whole(taken_);
    } else {
        in_line_ = true;
        line = {taken_, LinePart::kPartial};
    }
    return true;
}

bool ChunkDecoder::finish(Line& line) {
    if (kept_.empty() && !in_line_) {
        return false;
    }
    taken_ = std::exchange(kept_, {});
    in_line_ = false;
    line = {taken_, LinePart::kWhole};
    return true;
}

}  // namespace relais::smtp
