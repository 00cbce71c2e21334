// MIME header values: see the header.
#include "lib/mail/content_type.h"

#include <algorithm>
#include <array>

#include "lib/base/strings.h"

namespace relais {
namespace {

constexpr std::size_t kMaxParameters = 100;

// RFC 2045 5.1 with RFC 822 comments: tokens, quoted strings, "/", ";" and "=".
class ValueScanner {
  public:
    explicit ValueScanner(std::string_view text) : text_(text) {}

    bool at_end() {
        skip_blanks();
        return at_ >= text_.size();
    }

    bool take(char c) {
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    // A token or a quoted string; "" where neither stands.
    std::string word() {
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == '"') {
            return quoted();
        }
        const auto start = at_;
        while (at_ < text_.size() && !is_blank(text_[at_]) &&
               std::string_view("()<>@,;:\\\"/[]?=").find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    // A parameter's value: lenient, up to the next blank or ";".
    std::string value() {
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == '"') {
            return quoted();
        }
        const auto start = at_;
        while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != ';' &&
               text_[at_] != '(') {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    void skip_to(char c) { at_ = std::min(text_.find(c, at_), text_.size()); }

  private:
    void skip_blanks() {
        while (at_ < text_.size()) {
            if (is_blank(text_[at_])) {
                ++at_;
            } else if (text_[at_] == '(') {
                skip_comment();
            } else {
                return;
            }
        }
    }

    void skip_comment() {
        int depth = 0;
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\') {
                ++at_;
            } else if (text_[at_] == '(') {
                ++depth;
            } else if (text_[at_] == ')' && --depth == 0) {
                ++at_;
                return;
            }
        }
        at_ = text_.size();
    }

    std::string quoted() {
        std::string out;
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
            }
            if (text_[at_] != '\n' && text_[at_] != '\r') {
                out += text_[at_];
            }
        }
        ++at_;
        at_ = std::min(at_, text_.size());
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

void read_parameters(ValueScanner& scanner, ContentType& result) {
    while (!scanner.at_end() && result.parameters.size() < kMaxParameters) {
        if (!scanner.take(';')) {
            scanner.skip_to(';');
            continue;
        }
        auto name = lowercase(scanner.word());
        if (!name.empty() && scanner.take('=')) {
            result.parameters.emplace_back(std::move(name), scanner.value());
        }
    }
}

}  // namespace

std::string_view ContentType::parameter(std::string_view name) const {
    const auto found = std::ranges::find(parameters, name,
                                         [](const auto& p) -> std::string_view { return p.first; });
    return found == parameters.end() ? std::string_view{} : std::string_view(found->second);
}

ContentType parse_content_type(std::string_view value) {
    ValueScanner scanner(value);
    ContentType result;
    result.type = lowercase(scanner.word());
    if (scanner.take('/')) {
        result.subtype = lowercase(scanner.word());
    }
    if (result.type.empty() || result.subtype.empty()) {
        result.type = "text";
        result.subtype = "plain";
    }
    read_parameters(scanner, result);
    return result;
}

ContentType parse_disposition(std::string_view value) {
    ValueScanner scanner(value);
    ContentType result;
    result.type = lowercase(scanner.word());
    read_parameters(scanner, result);
    return result;
}

TransferEncoding parse_transfer_encoding(std::string_view value) {
    struct Name {
        std::string_view name;
        TransferEncoding encoding;
    };

    static constexpr std::array<Name, 5> kNames = {{
        {"7bit", TransferEncoding::k7bit},
        {"8bit", TransferEncoding::k8bit},
        {"binary", TransferEncoding::kBinary},
        {"quoted-printable", TransferEncoding::kQuotedPrintable},
        {"base64", TransferEncoding::kBase64},
    }};
    const auto word = ValueScanner(value).word();
    for (const auto& known : kNames) {
        if (iequals(word, known.name)) {
            return known.encoding;
        }
    }
    return TransferEncoding::kUnknown;
}

}  // namespace relais
