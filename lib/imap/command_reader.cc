#include "lib/imap/command_reader.h"

#include <algorithm>
#include <optional>

#include "lib/base/strings.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

namespace {

constexpr std::uint64_t kMaxSkip = 64 << 20;  // more junk than this is not worth reading

struct LiteralMark {
    std::uint64_t size;
    LiteralSync sync;
    std::size_t begin;  // of "{" in the line
};

std::optional<LiteralMark> literal_at_end(std::string_view line) {
    if (!line.ends_with('}')) {
        return std::nullopt;
    }
    auto open = line.rfind('{');
    if (open == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view inside = line.substr(open + 1, line.size() - open - 2);
    LiteralMark mark{0, LiteralSync::kWaits, open};
    if (inside.ends_with('+') || inside.ends_with('-')) {
        mark.sync = LiteralSync::kFollows;
        inside.remove_suffix(1);
    }
    auto size = parse_uint(inside);
    if (!size) {
        return std::nullopt;
    }
    mark.size = *size;
    return mark;
}

}  // namespace

std::string_view CommandReader::tag() const {
    std::string_view all = command_;
    std::string_view tag = all.substr(0, all.find_first_of(" \r\n"));
    bool good = !tag.empty() && tag.size() <= 256 && std::ranges::all_of(tag, [](char c) {
        return is_print(c) && c != '+' && c != '{';
    });
    return good ? tag : "*";
}

void CommandReader::next() {
    command_.clear();
    if (command_.capacity() > 1024) {
        command_.shrink_to_fit();
    }
    line_start_ = 0;
    state_ = State::kLine;
    message_follows_ = false;
}

// The literal that ends the command so far is a message of APPEND or REPLACE (RFC 8508), not a
// mailbox name, when a name stands before it.
bool CommandReader::is_message(std::size_t literal_begin) const {
    Scanner scanner(std::string_view(command_).substr(0, literal_begin + 1));
    if (!scanner.atom() || !scanner.space()) {
        return false;
    }
    bool append = scanner.accept_word("APPEND") && scanner.space();
    if (!append) {
        bool named = (!scanner.accept_word("UID") || scanner.space()) &&
                     scanner.accept_word("REPLACE") && scanner.space() && scanner.sequence_text() &&
                     scanner.space();
        if (!named) {
            return false;
        }
    }
    return scanner.mailbox() && scanner.space();
}

void CommandReader::message_done() {
    line_start_ = command_.size();
    state_ = State::kLine;
    message_follows_ = false;
}

CommandReader::Event CommandReader::feed(std::string_view input, std::size_t& taken) {
    taken = 0;
    for (;;) {
        std::string_view left = input.substr(taken);
        if (state_ == State::kLine || state_ == State::kSkipLine) {
            std::size_t used = 0;
            Event event = take_line(left, used);
            taken += used;
            if (event != Event::kNeedMore || taken == input.size()) {
                return event;
            }
            continue;
        }
        auto used = static_cast<std::size_t>(std::min<std::uint64_t>(left.size(), literal_left_));
        if (state_ == State::kLiteral) {
            command_.append(left.substr(0, used));
        }
        taken += used;
        literal_left_ -= used;
        if (literal_left_ > 0) {
            return Event::kNeedMore;
        }
        line_start_ = command_.size();
        state_ = state_ == State::kLiteral ? State::kLine : State::kSkipLine;
    }
}

CommandReader::Event CommandReader::take_line(std::string_view input, std::size_t& taken) {
    auto end = input.find('\n');
    bool whole = end != std::string_view::npos;
    std::string_view part = input.substr(0, whole ? end : input.size());
    taken = whole ? end + 1 : input.size();
    if (command_.size() + part.size() > max_command_) {
        if (!whole) {
            return Event::kHopeless;
        }
        // Keep the beginning, which has the tag, and the end, which may announce a literal.
        command_.append(part.substr(0, 64));
        command_.resize(std::min<std::size_t>(command_.size(), 64));
        line_start_ = command_.size();
        command_.append(part.substr(part.size() - std::min<std::size_t>(part.size(), 32)));
        state_ = State::kSkipLine;
    } else {
        command_.append(part);
    }
    return whole ? end_of_line(line_start_) : Event::kNeedMore;
}

CommandReader::Event CommandReader::end_of_line(std::size_t line_start) {
    if (command_.size() > line_start && command_.back() == '\r') {
        command_.pop_back();
    }
    auto mark = literal_at_end(std::string_view(command_).substr(line_start));
    if (!mark) {
        return state_ == State::kSkipLine ? Event::kTooLong : Event::kCommand;
    }
    literal_size_ = mark->size;
    literal_sync_ = mark->sync;
    if (state_ == State::kLine && is_message(line_start + mark->begin)) {
        message_follows_ = true;
        return Event::kMessage;
    }
    return begin_literal();
}

CommandReader::Event CommandReader::begin_literal() {
    literal_left_ = literal_size_;
    bool fits = literal_size_ <= max_command_ && command_.size() + literal_size_ <= max_command_;
    if (state_ == State::kLine && fits) {
        command_ += "\r\n";
        state_ = State::kLiteral;
        return literal_sync_ == LiteralSync::kWaits ? Event::kContinue : Event::kNeedMore;
    }
    if (literal_sync_ == LiteralSync::kWaits) {
        return Event::kTooLong;  // the client has not sent it and will not
    }
    if (literal_size_ > kMaxSkip) {
        return Event::kHopeless;
    }
    state_ = State::kSkipLiteral;
    return Event::kNeedMore;
}

}  // namespace relais::imap
