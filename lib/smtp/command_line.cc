// SMTP command lines: see the header.
#include "lib/smtp/command_line.h"

#include "lib/base/strings.h"

namespace relais::smtp {
namespace {

constexpr std::size_t kMaxWords = 100;
constexpr std::size_t kUsualWords = 4;
constexpr int kMaxNesting = 100;

class WordScanner {
  public:
    explicit WordScanner(std::string_view text) : text_(text) {}

    bool next(CommandWord& word) {
        word = {};
        while (at_ < text_.size() && is_blank(text_[at_])) {
            ++at_;
        }
        const auto start = at_;
        while (at_ < text_.size() && !is_blank(text_[at_])) {
            const char c = text_[at_++];
            word.text += c;
            if (c == '\\' && at_ < text_.size()) {
                word.text += text_[at_++];
            } else if (c == '<') {
                enclosed(word, '>');
            } else if (c == '"') {
                enclosed(word, '"');
            } else if (c == ':' && (iequals(word.text, "from:") || iequals(word.text, "to:"))) {
                break;
            }
        }
        return at_ > start;
    }

  private:
    // Up to the closing character; quotes and brackets nest inside "<>".
    void enclosed(CommandWord& word, char close, int depth = 0) {
        while (at_ < text_.size() && depth < kMaxNesting) {
            const char c = text_[at_++];
            word.text += c;
            if (c == close) {
                return;
            }
            if (c == '\\' && at_ < text_.size()) {
                word.text += text_[at_++];
            } else if (close == '>' && c == '"') {
                enclosed(word, '"');
            } else if (close == '>' && c == '<') {
                enclosed(word, '>', depth + 1);
            }
        }
        word.malformed = true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

CommandLine parse_command_line(std::string_view line) {
    CommandLine command;
    line = trim(line);
    std::size_t verb = 0;
    while (verb < line.size() && !is_blank(line[verb])) {
        ++verb;
    }
    command.verb = line.substr(0, verb);
    WordScanner scanner(line.substr(verb));
    CommandWord word;
    command.arguments.reserve(kUsualWords);
    while (command.arguments.size() < kMaxWords && scanner.next(word)) {
        command.arguments.push_back(std::move(word));
    }
    return command;
}

}  // namespace relais::smtp
