// Structured header values with parameters.
#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <tuple>

#include "lib/base/strings.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxParameters = 100;
constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";  // what ends a token (RFC 2045 5.1)

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
                out += c;
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

// RFC 2231: "filename*0*" is piece 0 of "filename", with "%41" for an octet.
struct Piece {
    std::string_view name;
    std::uint64_t number = 0;
    bool extended = false;
    const MimeParameter* whole = nullptr;
};

std::optional<Piece> parse_piece(const MimeParameter& parameter) {
    Piece piece;
    piece.name = parameter.first;
    piece.extended = piece.name.ends_with('*');
    piece.whole = &parameter;
    if (piece.extended) {
        piece.name.remove_suffix(1);
    }
    auto star = piece.name.find('*');
    if (star == std::string_view::npos) {
        return piece.extended ? std::optional(piece) : std::nullopt;
    }
    auto number = parse_uint(piece.name.substr(star + 1));
    piece.number = number.value_or(0);
    piece.name = piece.name.substr(0, star);
    return number ? std::optional(piece) : std::nullopt;
}

bool is_earlier(const Piece& a, const Piece& b) {
    std::string left = lowercase(a.name);
    std::string right = lowercase(b.name);
    return std::tie(left, a.number, a.whole) < std::tie(right, b.number, b.whole);
}

// Pieces 0 to n as one parameter.
MimeParameter join_pieces(std::span<const Piece> pieces) {
    bool extended = std::ranges::any_of(pieces, &Piece::extended);
    MimeParameter joined(std::string(pieces[0].name) + (extended ? "*" : ""), "");
    if (extended && !pieces[0].extended) {
        joined.second = "''";  // no character set and no language
    }
    for (const Piece& piece : pieces) {
        for (char c : piece.whole->second) {
            joined.second += c;
            joined.second += c == '%' && extended && !piece.extended ? "25" : "";
        }
    }
    return joined;
}

// Pieces go behind the other parameters and become one, unless one is missing or there twice.
MimeParameters join_continuations(MimeParameters parameters) {
    MimeParameters joined;
    std::vector<Piece> pieces;
    for (const MimeParameter& parameter : parameters) {
        if (auto piece = parse_piece(parameter)) {
            pieces.push_back(*piece);
        } else {
            joined.push_back(parameter);
        }
    }
    if (pieces.empty()) {
        return parameters;
    }
    std::ranges::sort(pieces, is_earlier);
    for (std::span<const Piece> left = pieces; !left.empty();) {
        std::size_t count = 0;
        bool complete = true;
        while (count < left.size() && iequals(left[count].name, left[0].name)) {
            complete &= left[count].number == count;
            ++count;
        }
        if (complete) {
            joined.push_back(join_pieces(left.first(count)));
        } else {
            std::ranges::transform(left.first(count), std::back_inserter(joined),
                                   [](const Piece& piece) { return *piece.whole; });
        }
        left = left.subspan(count);
    }
    return joined;
}

}  // namespace

MimeValue parse_mime_value(std::string_view text) {
    ValueScanner scanner(text);
    MimeValue parsed;
    parsed.value = scanner.token(kSpecials);
    if (scanner.accept('/')) {
        parsed.value += "/" + scanner.token(kSpecials);
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
        if (!name.empty() && name.find('"') == std::string::npos) {
            parsed.parameters.emplace_back(std::move(name), std::move(value));
        }
        scanner.skip_to(';');
    }
    parsed.parameters = join_continuations(std::move(parsed.parameters));
    return parsed;
}

std::vector<std::string> parse_mime_tokens(std::string_view text) {
    ValueScanner scanner(text);
    std::vector<std::string> tokens;
    do {
        tokens.push_back(scanner.token(kSpecials));
    } while (!tokens.back().empty() && tokens.size() < kMaxParameters && scanner.accept(','));
    if (tokens.back().empty()) {
        tokens.pop_back();
    }
    return tokens;
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
