// Structured header values with parameters.
#include "lib/base/strings.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxParameters = 100;

class ValueScanner {
  public:
    explicit ValueScanner(std::string_view text) : text_(text) {}

    // Over blanks, line ends and comments.
    void skip_blanks() {
        int depth = 0;
        for (; at_ < text_.size(); ++at_) {
            char c = text_[at_];
            if (c == '(') {
                ++depth;
            } else if (c == ')' && depth > 0) {
                --depth;
            } else if (c == '\\' && depth > 0) {
                ++at_;
            } else if (depth == 0 && !is_blank(c)) {
                return;
            }
        }
        at_ = std::min(at_, text_.size());
    }

    bool accept(char c) {
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    bool at_end() {
        skip_blanks();
        return at_ >= text_.size();
    }

    // Up to a separator; lenient about what a token may hold.
    std::string token(std::string_view stops) {
        skip_blanks();
        std::size_t start = at_;
        while (at_ < text_.size() && !is_blank(text_[at_]) &&
               stops.find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    std::string quoted() {
        std::string out;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
            }
            char c = text_[at_++];
            if (c != '\r' && c != '\n') {
                out += c == '\t' ? ' ' : c;
            }
        }
        ++at_;
        at_ = std::min(at_, text_.size());
        return out;
    }

    void skip_to(char c) {
        while (at_ < text_.size() && text_[at_] != c) {
            ++at_;
        }
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

MimeValue parse_mime_value(std::string_view text) {
    ValueScanner scanner(text);
    MimeValue parsed;
    parsed.value = scanner.token(";/(");
    if (scanner.accept('/')) {
        parsed.value += "/" + scanner.token(";(");
    }
    scanner.skip_to(';');
    while (scanner.accept(';') && parsed.parameters.size() < kMaxParameters) {
        if (scanner.at_end()) {
            break;
        }
        std::string name = scanner.token("=;(");
        if (!scanner.accept('=')) {
            scanner.skip_to(';');
            continue;
        }
        std::string value = scanner.accept('"') ? scanner.quoted() : scanner.token(";(");
        if (!name.empty()) {
            parsed.parameters.emplace_back(std::move(name), std::move(value));
        }
        scanner.skip_to(';');
    }
    return parsed;
}

std::string_view find_parameter(const MimeParameters& parameters, std::string_view name) {
    for (const auto& [key, value] : parameters) {
        if (iequals(key, name)) {
            return value;
        }
    }
    return {};
}

}  // namespace relais::imap
