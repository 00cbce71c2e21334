#include "lib/imap/address_list.h"

#include <cstdint>
#include <utility>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxAddresses = 20000;
// What stands for a part that an address lacks, so that clients can tell it from a group.
constexpr std::string_view kMissingMailbox = "MISSING_MAILBOX";
constexpr std::string_view kMissingDomain = "MISSING_DOMAIN";
constexpr std::string_view kSyntaxError = "SYNTAX_ERROR";
constexpr std::string_view kInvalidRoute = "INVALID_ROUTE";

// What a piece of the grammar came to.
enum class Read : std::uint8_t {
    kBroken,  // it is not there, or not whole
    kToEnd,   // nothing follows
    kMore,
};

// RFC 5322 3.4 as Dovecot reads it, because clients keep what they were shown: a dot may begin and
// end a local part, blanks may stand around the dots of a domain, and after the first thing that is
// no address the rest of the field is left out.
class AddressParser {
  public:
    explicit AddressParser(std::string_view text) : text_(text) {}

    std::vector<EnvelopeAddress> parse() {
        Read read = skip_blanks();
        if (read != Read::kMore) {
            return {};
        }
        while (addresses_.size() < kMaxAddresses) {
            parse_address();
            if (peek() != ',') {
                break;
            }
            ++at_;
            read = skip_blanks();
            if (read == Read::kBroken) {
                add({});
            }
            if (read != Read::kMore) {
                break;
            }
        }
        return std::move(addresses_);
    }

  private:
    // An address in the making; what was not there is nothing.
    struct Parts {
        std::optional<std::string> name;
        std::optional<std::string> route;
        std::optional<std::string> mailbox;
        std::string host = {};
    };

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    bool at_line_end() const { return peek() == '\n' || text_.substr(at_, 2) == "\r\n"; }

    Read here() const { return at_ < text_.size() ? Read::kMore : Read::kToEnd; }

    static bool is_atom(char c) {
        auto code = static_cast<unsigned char>(c);
        return code > ' ' && code != 0x7f &&
               std::string_view("()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
    }

    void take_while(std::string& out, auto wanted) {
        for (; at_ < text_.size() && wanted(text_[at_]); ++at_) {
            out += text_[at_];
        }
    }

    // -- Blanks, comments and words ---------------------------------------------------------

    // Over blanks and comments; the last comment is kept.
    Read skip_blanks() {
        for (; at_ < text_.size(); ++at_) {
            if (peek() == '(') {
                if (!read_comment()) {
                    return Read::kBroken;
                }
            } else if (!is_folding_blank(peek())) {
                return Read::kMore;
            }
        }
        return Read::kToEnd;
    }

    // Up to the closing parenthesis.  False where there is none; then what stands before the last
    // line end or quoted pair is kept.
    bool read_comment() {
        comment_.clear();
        std::size_t kept = 0;
        std::size_t depth = 0;
        for (; at_ < text_.size(); ++at_) {
            char c = peek();
            if (c == '\n' || c == '\\') {
                kept = comment_.size();
            }
            if (c == '\\' && at_ + 1 < text_.size()) {
                comment_ += text_[++at_];
                continue;
            }
            bool outermost = c == '(' && depth == 0;
            depth += c == '(' ? 1 : 0;
            depth -= c == ')' ? 1 : 0;
            if (depth == 0) {
                return true;
            }
            if (!outermost && c != '\r' && c != '\n') {
                comment_ += c;
            }
        }
        comment_.resize(kept);
        return false;
    }

    // Of one that does not end, what stands before its last line end or quoted pair.
    Read read_quoted(std::string& out) {
        std::string quoted;
        for (++at_; at_ < text_.size(); ++at_) {
            if (peek() == '"') {
                ++at_;
                out += quoted;
                return skip_blanks();
            }
            if (peek() == '\n' || peek() == '\\') {
                out += std::exchange(quoted, "");
            }
            if (peek() == '\\' && ++at_ == text_.size()) {
                break;
            }
            if (!at_line_end()) {
                quoted += peek();
            }
        }
        return Read::kBroken;
    }

    // phrase = 1*word / obs-phrase; none at all is an empty one.
    Read read_phrase(std::string& out) {
        if (here() != Read::kMore) {
            return Read::kToEnd;
        }
        if (peek() == '.') {
            return Read::kBroken;
        }
        for (;;) {
            Read read = Read::kMore;
            if (peek() == '"') {
                read = read_quoted(out);
            } else {
                take_while(out, [](char c) { return is_atom(c) || c == '.'; });
                read = skip_blanks();
            }
            if (read != Read::kMore || !(is_atom(peek()) || peek() == '.' || peek() == '"')) {
                return read;
            }
            out += ' ';
        }
    }

    // Words and dots in any order; a dot at the end is followed by "@", or by nothing.
    Read read_dotted(std::string& out) {
        Read read = Read::kMore;
        do {
            take_while(out, [](char c) { return c == '.'; });
            if (!is_atom(peek())) {
                bool whole = !out.empty() && (peek() == '@' || here() == Read::kToEnd);
                return whole ? here() : Read::kBroken;
            }
            take_while(out, is_atom);
            read = skip_blanks();
        } while (read == Read::kMore && peek() == '.');
        return read;
    }

    // `words` is what was read, even where it is no local part.
    Read read_local(Parts& parts, std::string& words) {
        Read read = peek() == '"' ? read_quoted(words) : read_dotted(words);
        if (read != Read::kBroken) {
            parts.mailbox = words;
        }
        return read;
    }

    // "@" and what follows: words with one dot between two of them, or [a literal].
    Read read_domain(std::string& out) {
        ++at_;
        Read read = skip_blanks();
        if (read != Read::kMore) {
            return Read::kBroken;
        }
        if (peek() == '[') {
            return read_literal(out);
        }
        std::string domain;
        for (;;) {
            if (!is_atom(peek())) {
                return Read::kBroken;
            }
            take_while(domain, is_atom);
            read = skip_blanks();
            if (read == Read::kBroken) {
                return read;
            }
            if (peek() != '.') {
                break;
            }
            domain += text_[at_++];
            if (skip_blanks() != Read::kMore) {
                return Read::kBroken;
            }
        }
        out += domain;
        return read;
    }

    // "[" up to "]", with its backslashes and without its line ends; "[" within breaks it.
    Read read_literal(std::string& out) {
        std::string literal = "[";
        for (++at_; at_ < text_.size() && peek() != '['; ++at_) {
            bool pair = peek() == '\\' && at_ + 1 < text_.size();
            if (pair) {
                literal += text_[at_++];
            }
            if (!at_line_end()) {
                literal += peek();
            }
            if (peek() == ']' && !pair) {
                ++at_;
                out += literal;
                return skip_blanks();
            }
        }
        return Read::kBroken;
    }

    // -- Addresses ----------------------------------------------------------------------------

    void add(Parts parts) {
        EnvelopeAddress address;
        address.name = std::move(parts.name);
        address.route = std::move(parts.route);
        address.mailbox = std::move(parts.mailbox).value_or(std::string(kMissingMailbox));
        address.host = parts.host.empty() ? std::string(kMissingDomain) : std::move(parts.host);
        addresses_.push_back(std::move(address));
    }

    // group or mailbox
    void parse_address() {
        std::size_t begin = at_;
        std::string phrase;
        if (read_phrase(phrase) == Read::kMore && peek() == ':') {
            ++at_;
            parse_group(std::move(phrase));
            return;
        }
        at_ = begin;
        parse_mailbox();
    }

    // Behind "name:", up to ";" and what follows it.
    void parse_group(std::string name) {
        EnvelopeAddress group;
        group.mailbox = std::move(name);
        addresses_.push_back(std::move(group));
        Read read = skip_blanks();
        bool more = read == Read::kMore && peek() != ';';
        while (more && addresses_.size() < kMaxAddresses) {
            parse_mailbox();
            more = peek() == ',';
            at_ += more ? 1 : 0;
            more = more && skip_blanks() == Read::kMore;
        }
        addresses_.emplace_back();
        if (peek() == ';') {
            ++at_;
            (void)skip_blanks();
        }
    }

    void parse_mailbox() {
        std::size_t begin = at_;
        Parts parts;
        std::string phrase;
        if (read_phrase(phrase) == Read::kMore && peek() == '<') {
            if (!phrase.empty()) {
                parts.name = std::move(phrase);
            }
            if (parse_angle(parts) == Read::kBroken) {
                parts.host = kSyntaxError;
            }
        } else {
            at_ = begin;
            parse_bare(parts);
        }
        add(std::move(parts));
    }

    // "<" [route ":"] local-part ["@" domain] ">"
    Read parse_angle(Parts& parts) {
        ++at_;
        if (skip_blanks() != Read::kMore) {
            return Read::kBroken;
        }
        if (peek() == '@' && read_route(parts) != Read::kMore) {
            return Read::kBroken;
        }
        if (peek() != '>') {
            std::string words;
            Read read = read_local(parts, words);
            if (read == Read::kMore && peek() == '@') {
                read = read_domain(parts.host);
            }
            if (read != Read::kMore) {
                return Read::kBroken;
            }
        }
        if (peek() != '>') {
            return Read::kBroken;
        }
        ++at_;
        return skip_blanks();
    }

    // "@a,@b:"
    Read read_route(Parts& parts) {
        std::string route;
        Read read = Read::kMore;
        while (read == Read::kMore && peek() == '@') {
            route += route.empty() ? "@" : ",@";
            read = read_domain(route);
            while (read == Read::kMore && peek() == ',') {
                ++at_;
                read = skip_blanks();
            }
        }
        if (read != Read::kMore || peek() != ':') {
            parts.route = kInvalidRoute;
            return here();
        }
        parts.route = std::move(route);
        ++at_;
        return skip_blanks();
    }

    // local-part "@" domain, with the name in a comment; or words that are a name alone.
    void parse_bare(Parts& parts) {
        comment_.clear();
        bool quoted = peek() == '"';
        std::string words;
        Read read = read_local(parts, words);
        bool has_domain = read != Read::kToEnd && peek() == '@';
        if (has_domain) {
            (void)read_domain(parts.host);
        }
        if (!comment_.empty()) {
            parts.name = comment_;
        } else if (!has_domain) {
            take_as_name(parts, words, quoted);
        }
    }

    // A single word without a domain is a mailbox; quoted, or with more behind it, it is a name.
    void take_as_name(Parts& parts, const std::string& words, bool quoted) {
        std::string rest;
        (void)read_phrase(rest);
        if (!rest.empty() || (quoted && parts.mailbox)) {
            parts.name = words + " " + rest;
            parts.mailbox.reset();
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string comment_;
    std::vector<EnvelopeAddress> addresses_;
};

}  // namespace

std::vector<EnvelopeAddress> parse_address_list(std::string_view text) {
    return AddressParser(text).parse();
}

std::string show_address_list(std::string_view text) {
    std::string out;
    for (const EnvelopeAddress& address : parse_address_list(text)) {
        if (!address.mailbox) {
            continue;  // the end of a group
        }
        out += out.empty() ? "" : ", ";
        if (!address.host) {
            out += decode_header(*address.mailbox) + ":";
        } else if (address.name) {
            out +=
                decode_header(*address.name) + " <" + *address.mailbox + "@" + *address.host + ">";
        } else {
            out += *address.mailbox + "@" + *address.host;
        }
    }
    return out;
}

}  // namespace relais::imap
