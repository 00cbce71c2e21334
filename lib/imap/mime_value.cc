// Structured header values with parameters.
#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <tuple>

#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxParameters = 128;  // as many as Dovecot shows

class ValueScanner {
  public:
    explicit ValueScanner(std::string_view text) : text_(text) {}

    bool done() const { return at_ >= text_.size(); }

    char peek() const { return done() ? '\0' : text_[at_]; }

    void step() { ++at_; }

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
            } else if (depth == 0 && !is_folding_blank(c)) {
                return;
            }
        }
        at_ = std::min(at_, text_.size());
    }

    bool accept(char c) {
        if (peek() != c || done()) {
            return false;
        }
        ++at_;
        skip_blanks();
        return true;
    }

    // As RFC 2045 5.1 has it, with octets above 127; nothing where there is none.
    std::string token() { return word("()<>@,;:\\\"/[]?="); }

    // As RFC 5322 3.2.3 has it.
    std::string atom() { return word("()<>@,;:\\\"[]."); }

    // A quoted string, an encoded word that should be in one ("name==?utf-8?q?x?="), or a token.
    // Nothing where a quoted string does not end.
    std::optional<std::string> value() {
        if (peek() == '"') {
            return quoted();
        }
        if (peek() == '=') {
            return take_while([](char c) { return c != ';' && !is_folding_blank(c); });
        }
        return token();
    }

  private:
    std::string word(std::string_view specials) {
        std::string out = take_while([specials](char c) {
            auto code = static_cast<unsigned char>(c);
            return code > ' ' && code != 0x7f && specials.find(c) == std::string_view::npos;
        });
        skip_blanks();
        return out;
    }

    std::string take_while(auto wanted) {
        std::string out;
        for (; !done() && wanted(text_[at_]); ++at_) {
            out += text_[at_];
        }
        return out;
    }

    std::optional<std::string> quoted() {
        std::string out;
        for (++at_; !done() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') {
                ++at_;
            }
            if (done()) {
                return std::nullopt;
            }
            if (text_[at_] != '\r' && text_[at_] != '\n') {
                out += text_[at_];
            }
        }
        if (done()) {
            return std::nullopt;
        }
        ++at_;
        return out;
    }

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

// *(";" name "=" value).  What is no parameter is passed over a byte at a time up to the next
// semicolon, so that one which stands where a name should be begins none.
MimeParameters read_parameters(ValueScanner& scanner) {
    MimeParameters parameters;
    while (!scanner.done() && parameters.size() < kMaxParameters) {
        if (!scanner.accept(';')) {
            scanner.step();
            continue;
        }
        std::string name = scanner.token();
        if (!scanner.accept('=')) {
            scanner.step();
        } else if (auto value = scanner.value()) {
            parameters.emplace_back(std::move(name), std::move(*value));
        }
    }
    return join_continuations(std::move(parameters));
}

}  // namespace

MimeValue parse_mime_value(std::string_view text) {
    ValueScanner scanner(text);
    scanner.skip_blanks();
    MimeValue parsed;
    parsed.value = scanner.token();
    parsed.parameters = read_parameters(scanner);
    return parsed;
}

MediaType parse_media_type(std::string_view text) {
    ValueScanner scanner(text);
    scanner.skip_blanks();
    MediaType parsed;
    std::string type = scanner.token();
    if (scanner.done()) {
        parsed.type = std::move(type);
        return parsed;
    }
    std::string subtype = scanner.accept('/') ? scanner.token() : "";
    bool whole = !type.empty() && !subtype.empty() && (scanner.done() || scanner.peek() == ';');
    if (whole) {
        parsed.type = std::move(type);
        parsed.subtype = std::move(subtype);
        parsed.parameters = read_parameters(scanner);
    }
    return parsed;
}

std::string parse_mime_token(std::string_view text) {
    ValueScanner scanner(text);
    scanner.skip_blanks();
    std::string token = scanner.token();
    return scanner.done() ? token : "";
}

std::vector<std::string> parse_atoms(std::string_view text) {
    ValueScanner scanner(text);
    scanner.skip_blanks();
    std::vector<std::string> tokens;
    do {
        tokens.push_back(scanner.atom());
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
