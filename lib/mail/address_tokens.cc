// The tokens of addresses: see the header.
#include "lib/mail/address_tokens.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais {
namespace {

// "%", "!" and "|" are no specials of RFC 5322; they are here because rewriting looks for the first
// two, and because an alias may be |"command with blanks".
constexpr std::string_view kSpecials = "<>@,;:.[]()\"\\%!|";

class Scanner {
  public:
    Scanner(std::string_view text, std::size_t limit) : text_(text), limit_(limit) {}

    AddressTokens run() {
        while (at_ < text_.size() && tokens_.size() < limit_) {
            if (is_blank(text_[at_]) || text_[at_] == '\0') {
                blank_ = true;
                ++at_;
            } else {
                take_token();
            }
        }
        return std::move(tokens_);
    }

  private:
    void take_token() {
        switch (text_[at_]) {
            case '(':
                add(AddressTokenType::kComment, comment());
                break;
            case '[':
                add(AddressTokenType::kLiteral, literal());
                break;
            case '"':
                add(AddressTokenType::kQuoted, quoted());
                break;
            default:
                if (text_[at_] != '\\' && kSpecials.find(text_[at_]) != std::string_view::npos) {
                    add(AddressTokenType::kSpecial, std::string(1, text_[at_++]));
                } else {
                    take_atom();
                }
        }
    }

    void add(AddressTokenType type, std::string text) {
        tokens_.push_back({type, std::move(text), blank_});
        blank_ = false;
    }

    // A byte with the backslash that may stand before it.
    void take_pair(std::string& out) {
        if (text_[at_] == '\\' && at_ + 1 == text_.size()) {
            ++at_;  // it hides nothing
            return;
        }
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
            out += text_[at_++];
        }
        out += text_[at_++];
    }

    std::string comment() {
        std::string out;
        int depth = 0;
        while (at_ < text_.size()) {
            depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
            take_pair(out);
            if (depth == 0) {
                return out;
            }
        }
        if (text_.ends_with('\\') && !out.ends_with('\\')) {
            out += '\\';
        }
        return out;
    }

    std::string literal() {
        std::string out;
        while (at_ < text_.size()) {
            const bool last = text_[at_] == ']';
            take_pair(out);
            if (last) {
                return out;
            }
        }
        return out + ']';
    }

    std::string quoted() {
        std::string out;
        for (++at_; at_ < text_.size() && text_[at_] != '"';) {
            take_pair(out);
        }
        ++at_;
        if (out.ends_with('\\') && !out.ends_with("\\\\")) {
            out.pop_back();  // the text ended after a backslash
        }
        return out;
    }

    // An atom in which a backslash hides a special or a blank is printed as a quoted string.
    void take_atom() {
        std::string out;
        bool escaped = false;
        while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '\0' &&
               (text_[at_] == '\\' || kSpecials.find(text_[at_]) == std::string_view::npos)) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                const char next = text_[at_ + 1];
                escaped = escaped || is_blank(next) || !is_print(next) ||
                          kSpecials.find(next) != std::string_view::npos;
                at_ += next == '"' || next == '\\' ? 0 : 1;
            }
            take_pair(out);
        }
        add(escaped ? AddressTokenType::kQuoted : AddressTokenType::kAtom, std::move(out));
    }

    std::string_view text_;
    std::size_t limit_;
    std::size_t at_ = 0;
    bool blank_ = false;
    AddressTokens tokens_;
};

std::string without_backslashes(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
        }
        out += text[i];
    }
    return out;
}

enum class Form { kInternal, kExternal };

std::string spell(const AddressTokens& tokens, Form form) {
    std::string out;
    const AddressToken* before = nullptr;
    for (const auto& token : tokens) {
        if (token.type == AddressTokenType::kComment) {
            continue;
        }
        if (before != nullptr && before->is_word() && token.is_word()) {
            out += ' ';
        }
        if (token.type == AddressTokenType::kQuoted && form == Form::kExternal) {
            out += '"';
            out += token.text;
            out += '"';
        } else if (form == Form::kInternal && token.type != AddressTokenType::kLiteral) {
            out += without_backslashes(token.text);
        } else {
            out += token.text;
        }
        before = &token;
    }
    return out;
}

std::string requoted(std::string_view text) {
    std::string out = "\"";
    for (char c : without_backslashes(text)) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + '"';
}

bool stands_apart(const AddressToken& before, const AddressToken& token) {
    auto is_wordy = [](const AddressToken& t) {
        return t.is_word() || t.type == AddressTokenType::kComment;
    };
    if (before.is(',')) {
        return false;  // the comma brings its own blank
    }
    return token.is('<') || (is_wordy(before) && is_wordy(token));
}

}  // namespace

AddressTokens tokenize_address(std::string_view text, std::size_t limit) {
    return Scanner(text, limit).run();
}

std::string external_address(const AddressTokens& tokens) {
    return spell(tokens, Form::kExternal);
}

std::string internal_address(const AddressTokens& tokens) {
    return spell(tokens, Form::kInternal);
}

std::string print_tokens(const AddressTokens& tokens, TokenForm form) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const AddressToken& token = tokens[i];
        if (i > 0 && stands_apart(tokens[i - 1], token)) {
            out += ' ';
        }
        if (token.type == AddressTokenType::kQuoted) {
            std::string text = form == TokenForm::kExternal ? requoted(token.text)
                                                            : without_backslashes(token.text);
            std::ranges::replace_if(text, is_blank, ' ');
            out += text;
        } else {
            out += token.text;
        }
        if (token.is(',') && (form == TokenForm::kExternal || i + 1 < tokens.size())) {
            out += ' ';
        }
    }
    return out;
}

}  // namespace relais
