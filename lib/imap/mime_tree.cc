#include "lib/imap/mime_tree.h"

#include <algorithm>
#include <cstring>

#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxDepth = 50;
constexpr std::size_t kMaxParts = 5000;

// Walks over the message line by line, once.
class MimeParser {
  public:
    explicit MimeParser(std::string_view message) : text_(message) {}

    MimePart parse_message(std::size_t depth) { return parse_part("text", "plain", depth); }

    // Header and size only.
    MimePart parse_flat() {
        MimePart part;
        skip_header(part);
        count_rest();
        part.end = at_;
        return part;
    }

  private:
    // Which enclosing multipart's delimiter the current line is.
    struct Delimiter {
        std::size_t level = 0;  // index into boundaries_, plus one; 0: none
        bool last = false;      // with "--" at its end
    };

    bool done() const { return at_.offset == text_.size(); }

    std::string_view line() const {
        auto left = text_.substr(at_.offset);
        auto end = left.find('\n');
        return end == std::string_view::npos ? left : left.substr(0, end + 1);
    }

    void skip(std::string_view line) {
        before_line_end_ = at_;
        before_line_end_.offset += line.size();
        at_.offset += line.size();
        if (line.ends_with('\n')) {
            bool crlf = line.ends_with("\r\n");
            before_line_end_.offset -= crlf ? 2 : 1;
            ++at_.lines;
            at_.bare_lfs += crlf ? 0 : 1;
        }
    }

    void count_rest() {
        while (!done()) {
            skip(line());
        }
    }

    Delimiter delimiter_of(std::string_view line) const {
        if (!line.starts_with("--")) {
            return {};
        }
        // RFC 2046 5.1.1: a line that begins with the boundary is enough.  Where one boundary
        // begins with another, the longer one is meant; of equal ones the inner.
        std::string_view rest = line.substr(2);
        Delimiter found;
        std::size_t longest = 0;
        for (std::size_t i = boundaries_.size(); i > 0; --i) {
            const std::string& boundary = boundaries_[i - 1];
            if (boundary.size() > longest && rest.starts_with(boundary)) {
                longest = boundary.size();
                found = {i, rest.substr(longest).starts_with("--")};
            }
        }
        return found;
    }

    // Stops before a delimiter line of an enclosing multipart, or at the end.
    Delimiter skip_to_delimiter() {
        before_line_end_ = at_;
        while (!done()) {
            std::string_view current = line();
            Delimiter found = delimiter_of(current);
            if (found.level != 0) {
                return found;
            }
            skip(current);
        }
        before_line_end_ = at_;
        return {};
    }

    Delimiter skip_header(MimePart& part) {
        part.begin = at_;
        Delimiter found;
        while (!done()) {
            std::string_view current = line();
            found = delimiter_of(current);
            if (found.level != 0) {
                break;
            }
            skip(current);
            if (current == "\n" || current == "\r\n") {
                break;
            }
        }
        part.body = at_;
        return found;
    }

    void read_type(MimePart& part, std::string_view default_type,
                   std::string_view default_subtype) {
        part.type = default_type;
        part.subtype = default_subtype;
        std::string_view header =
            text_.substr(part.begin.offset, part.body.offset - part.begin.offset);
        auto field = find_field(header, "Content-Type");
        if (!field) {
            return;
        }
        MimeValue value = parse_mime_value(field->value);
        auto slash = split_first(value.value, '/');
        if (!slash || slash->first.empty() || slash->second.empty()) {
            return;
        }
        part.type = slash->first;
        part.subtype = slash->second;
        part.parameters = std::move(value.parameters);
    }

    MimePart parse_part(std::string_view default_type, std::string_view default_subtype,
                        std::size_t depth) {
        MimePart part;
        stopped_at_ = skip_header(part);
        ++parts_;
        read_type(part, default_type, default_subtype);
        if (stopped_at_.level != 0) {
            part.end = at_;  // a header that runs into the delimiter: there is no body
            return part;
        }
        bool descend = depth < kMaxDepth && parts_ < kMaxParts;
        std::string_view boundary = find_parameter(part.parameters, "boundary");
        if (descend && part.is_multipart() && !boundary.empty()) {
            parse_children(part, std::string(boundary), depth);
        } else if (descend && part.is_message()) {
            part.children.push_back(parse_part("text", "plain", depth + 1));
            part.end = part.children.back().end;
            return part;
        } else {
            stopped_at_ = skip_to_delimiter();
        }
        part.end = stopped_at_.level != 0 ? at_least(part.body, before_line_end_) : at_;
        return part;
    }

    static Mark at_least(const Mark& low, const Mark& mark) {
        return mark.offset < low.offset ? low : mark;
    }

    void parse_children(MimePart& part, std::string boundary, std::size_t depth) {
        boundaries_.push_back(std::move(boundary));
        std::size_t own = boundaries_.size();
        bool digest = iequals(part.subtype, "digest");
        stopped_at_ = skip_to_delimiter();
        while (stopped_at_.level == own && !stopped_at_.last && parts_ < kMaxParts) {
            skip(line());
            part.children.push_back(
                parse_part(digest ? "message" : "text", digest ? "rfc822" : "plain", depth + 1));
        }
        bool closed = stopped_at_.level == own;
        if (closed) {
            skip(line());
        }
        boundaries_.resize(own - 1);
        if (closed) {
            stopped_at_ = skip_epilogue();
        }
    }

    // After the closing delimiter: up to a delimiter further out.
    Delimiter skip_epilogue() {
        Mark behind_delimiter = before_line_end_;
        std::uint64_t start = at_.offset;
        Delimiter found = skip_to_delimiter();
        if (at_.offset == start) {
            before_line_end_ = behind_delimiter;  // no epilogue at all
        }
        return found;
    }

    std::string_view text_;
    Mark at_;
    Mark before_line_end_;  // where the last line skipped has its line end
    std::vector<std::string> boundaries_;
    Delimiter stopped_at_;
    std::size_t parts_ = 0;
};

}  // namespace

bool MimePart::is_multipart() const {
    return iequals(type, "multipart");
}

bool MimePart::is_message() const {
    return iequals(type, "message") && iequals(subtype, "rfc822");
}

bool MimePart::is_text() const {
    return iequals(type, "text");
}

MimePart parse_mime(std::string_view message) {
    return MimeParser(message).parse_message(0);
}

MimePart parse_mime_flat(std::string_view message) {
    return MimeParser(message).parse_flat();
}

std::uint64_t wire_size(std::string_view text) {
    std::uint64_t size = text.size();
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at) {
        if (at == 0 || text[at - 1] != '\r') {
            ++size;
        }
    }
    return size;
}

}  // namespace relais::imap
