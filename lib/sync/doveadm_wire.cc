#include "lib/sync/doveadm_wire.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/strings.h"
#include "lib/store/tab_escape.h"

namespace relais::doveadm_wire {

namespace {

constexpr std::size_t kFrameHead = 5;
constexpr std::size_t kLongestFrame = std::size_t{1} << 24;  // servers send some kilobytes
constexpr std::size_t kLongestLogLine = std::size_t{1} << 16;
constexpr char kAnswers = '\0';
constexpr char kLog = 'L';

std::size_t length_in(std::string_view head) {
    std::size_t length = 0;
    for (char c : head.substr(1, 4)) {
        length = length * 256 + static_cast<unsigned char>(c);
    }
    return length;
}

// A line of the log has a byte for its severity in front of it.
void take_lines(std::string& text, std::vector<std::string>& lines) {
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        if (end > 1) {
            lines.push_back(text.substr(1, end - 1));
        }
    }
    text.resize(std::min(text.size(), kLongestLogLine));
}

}  // namespace

std::string login_line(std::string_view password) {
    std::string secret(1, '\0');
    secret += "doveadm";
    secret += '\0';
    secret += password;
    return "PLAIN\t" + base64_encode(secret) + "\n";
}

std::string command_line(std::string_view user, const std::vector<std::string>& words) {
    std::string line = "\t" + tab_escape(user);
    for (const std::string& word : words) {
        line += "\t" + tab_escape(word);
    }
    return line + "\n";
}

std::string dotted(std::string_view text) {
    std::string out;
    bool begins = true;
    for (char c : text) {
        out += begins && c == '.' ? "." : "";
        out += c;
        begins = c == '\n';
    }
    out += begins ? "" : "\n";
    return out + ".\n";
}

Result<void> Frames::take(std::string_view bytes, std::string& answers,
                          std::vector<std::string>& log) {
    while (!bytes.empty()) {
        if (left_ == 0) {
            const std::size_t missing = std::min(kFrameHead - head_.size(), bytes.size());
            head_ += bytes.substr(0, missing);
            bytes.remove_prefix(missing);
            if (head_.size() < kFrameHead) {
                return {};
            }
            channel_ = head_[0];
            left_ = length_in(head_);
            head_.clear();
            if (left_ > kLongestFrame || (channel_ != kAnswers && channel_ != kLog)) {
                return fail(Errc::kSyntax, "no frame of a doveadm server");
            }
        }
        const std::string_view part = bytes.substr(0, left_);
        (channel_ == kAnswers ? answers : log_) += part;
        take_lines(log_, log);
        left_ -= part.size();
        bytes.remove_prefix(part.size());
    }
    return {};
}

Piece next_piece(std::string_view answers, std::size_t known) {
    if (answers.empty()) {
        return {};
    }
    if (answers.front() != '\n') {
        const std::size_t tab = answers.find('\t', known);
        return tab == std::string_view::npos
                   ? Piece()
                   : Piece{Piece::Kind::kValue, tab_unescape(answers.substr(0, tab)), tab + 1};
    }
    const std::size_t end = answers.find('\n', std::max(known, std::size_t{1}));
    if (end == std::string_view::npos) {
        return {};
    }
    const std::string_view line = answers.substr(1, end - 1);
    const std::string word = line == "+"                              ? ""
                             : line.size() > 1 && line.front() == '-' ? std::string(line.substr(1))
                                                                      : "-";
    return {Piece::Kind::kEnd, word, end + 1};
}

}  // namespace relais::doveadm_wire
