#include "lib/imap/address_list.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxAddresses = 20000;
// What stands for a part that an address lacks, so that clients can tell it from a group.
constexpr std::string_view kMissingMailbox = "MISSING_MAILBOX";
constexpr std::string_view kMissingDomain = "MISSING_DOMAIN";

class AddressParser {
  public:
    explicit AddressParser(std::string_view text) : text_(text) {}

    std::vector<EnvelopeAddress> parse() {
        while (skip_blanks() && addresses_.size() < kMaxAddresses) {
            if (peek() == ',') {
                ++at_;
            } else if (peek() == ';') {
                ++at_;
                close_group();
            } else {
                parse_one();
            }
        }
        close_group();
        return std::move(addresses_);
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    bool at_end() const { return at_ >= text_.size(); }

    // Over blanks and comments; the last comment is kept.  False at the end.
    bool skip_blanks() {
        while (!at_end()) {
            if (is_blank(peek())) {
                ++at_;
            } else if (peek() == '(') {
                read_comment();
            } else {
                return true;
            }
        }
        return false;
    }

    void read_comment() {
        int depth = 0;
        comment_.clear();
        for (; !at_end(); ++at_) {
            char c = peek();
            if (c == '\\' && at_ + 1 < text_.size()) {
                comment_ += text_[++at_];
                continue;
            }
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth == 0) {
                ++at_;
                break;
            }
            if (!(c == '(' && depth == 1) && c != '\r' && c != '\n') {
                comment_ += c;
            }
        }
    }

    std::string read_quoted() {
        std::string out;
        for (++at_; !at_end() && peek() != '"'; ++at_) {
            if (peek() == '\\' && at_ + 1 < text_.size()) {
                ++at_;
            }
            if (peek() != '\r' && peek() != '\n') {
                out += peek();
            }
        }
        at_ = std::min(at_ + 1, text_.size());
        return out;
    }

    std::string read_atom() {
        std::size_t start = at_;
        while (!at_end() && !is_blank(peek()) &&
               std::string_view("()<>@,;:\"").find(peek()) == std::string_view::npos) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    // Words up to a special character: a phrase, or a local part.  Blanks between words count only
    // in a phrase, so both readings are kept.
    struct Words {
        std::string phrase;  // with single blanks
        std::string local;   // run together
        bool any = false;
        bool single = false;
    };

    Words read_words() {
        Words words;
        while (skip_blanks()) {
            std::string word;
            if (peek() == '"') {
                word = read_quoted();
            } else {
                word = read_atom();
                if (word.empty()) {
                    break;
                }
            }
            words.phrase += words.any ? " " : "";
            words.phrase += word;
            words.local += word;
            words.single = !words.any;
            words.any = true;
        }
        return words;
    }

    // Blanks may stand around the dots, not elsewhere.
    std::string read_domain() {
        std::string domain;
        while (skip_blanks() && (domain.empty() || domain.ends_with('.') || peek() == '.')) {
            if (peek() == '[') {
                auto end = std::min(text_.find(']', at_), text_.size() - 1);
                domain += text_.substr(at_, end + 1 - at_);
                at_ = end + 1;
                continue;
            }
            std::string part = read_atom();
            if (part.empty()) {
                break;
            }
            domain += part;
        }
        return domain;
    }

    void add(std::optional<std::string> name, std::optional<std::string> route, std::string mailbox,
             std::string host) {
        EnvelopeAddress address;
        address.name = std::move(name);
        address.route = std::move(route);
        address.mailbox = mailbox.empty() ? std::string(kMissingMailbox) : std::move(mailbox);
        address.host = host.empty() ? std::string(kMissingDomain) : std::move(host);
        addresses_.push_back(std::move(address));
    }

    void close_group() {
        if (in_group_) {
            addresses_.emplace_back();
            in_group_ = false;
        }
    }

    // mailbox, or the beginning of a group
    void parse_one() {
        comment_.clear();
        Words words = read_words();
        skip_blanks();
        char next = peek();
        if (next == '<') {
            ++at_;
            parse_angle(words);
        } else if (next == '@') {
            ++at_;
            std::string host = read_domain();
            skip_blanks();
            add(comment_name(), std::nullopt, words.local, host);
            skip_rest();
        } else if (next == ':') {
            ++at_;
            close_group();
            EnvelopeAddress group;
            group.mailbox = words.phrase;
            addresses_.push_back(std::move(group));
            in_group_ = true;
        } else if (words.single) {
            add(comment_name(), std::nullopt, words.phrase, "");
        } else if (words.any) {
            add(words.phrase, std::nullopt, "", "");
        } else if (!at_end() && next != ',' && next != ';') {
            ++at_;  // a special character that has no place here
        }
    }

    std::optional<std::string> comment_name() const {
        return comment_.empty() ? std::nullopt : std::optional(comment_);
    }

    // What stands behind an address before the next comma makes no second one.
    void skip_rest() {
        while (skip_blanks() && peek() != ',' && peek() != ';') {
            ++at_;
        }
    }

    // Behind "<": [route ":"] local "@" domain ">"
    void parse_angle(const Words& name) {
        std::optional<std::string> route;
        skip_blanks();
        if (peek() == '@') {
            route = read_route();
        }
        Words local = read_words();
        std::string host;
        skip_blanks();
        if (peek() == '@') {
            ++at_;
            host = read_domain();
        }
        while (!at_end() && peek() != '>') {
            ++at_;
        }
        at_ = std::min(at_ + 1, text_.size());
        skip_blanks();
        skip_rest();
        auto shown = name.phrase.empty() ? std::nullopt : std::optional(name.phrase);
        if (!local.any && host.empty() && !route) {
            add(shown, std::nullopt, "", "");
        } else {
            add(shown, std::move(route), local.local, host);
        }
    }

    // "@a,@b:"
    std::optional<std::string> read_route() {
        std::string route;
        while (skip_blanks() && (peek() == '@' || peek() == ',')) {
            route += text_[at_++];
            route += read_domain();
        }
        if (peek() == ':') {
            ++at_;
        }
        return route;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string comment_;
    bool in_group_ = false;
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
