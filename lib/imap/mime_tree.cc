#include "lib/imap/mime_tree.h"

#include <algorithm>
#include <cstring>

#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxDepth = 99;
constexpr std::size_t kMaxParts = 10000;
// RFC 2046 5.1.1 allows 70 characters; of longer boundaries no more than this is looked at.
constexpr std::size_t kMaxBoundary = 80;

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
            bool longer = found.level == 0 || boundary.size() > longest;
            if (longer && rest.starts_with(boundary)) {
                longest = boundary.size();
                found = {i, rest.substr(longest).starts_with("--")};
            }
        }
        return found;
    }

    // Stops before a delimiter line of an enclosing multipart, or at the end.
    Delimiter skip_to_delimiter() {
        header_cut_ = false;
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
        header_cut_ = found.level != 0;
        if (header_cut_) {  // there is no body
            part.body = part.end = at_least(part.begin, before_line_end_);
        }
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
        MediaType parsed = parse_media_type(field->value);
        part.type = std::move(parsed.type);
        part.subtype = std::move(parsed.subtype);
        part.parameters = std::move(parsed.parameters);
    }

    MimePart parse_part(std::string_view default_type, std::string_view default_subtype,
                        std::size_t depth) {
        MimePart part;
        stopped_at_ = skip_header(part);
        ++parts_;
        read_type(part, default_type, default_subtype);
        const bool descend = depth < kMaxDepth && parts_ < kMaxParts;
        if (part.is_multipart() && (part.subtype.empty() || !descend)) {
            part.type = "application";  // it is not looked into
            part.subtype = "octet-stream";
        }
        if (stopped_at_.level == 0) {
            parse_body(part, depth, descend);
        }
        if (part.children.empty() && (part.is_multipart() || part.is_message())) {
            part.children.push_back(empty_part(part.end));
        }
        return part;
    }

    void parse_body(MimePart& part, std::size_t depth, bool descend) {
        Mark header_end = before_line_end_;
        if (descend && part.is_message()) {
            part.children.push_back(parse_part("text", "plain", depth + 1));
            part.end = header_cut_ ? at_ : part.children.back().end;
        } else {
            read_body(part, depth);
        }
        if (stopped_at_.level != 0 && at_.offset == part.body.offset) {
            // The line end before a delimiter is the delimiter's, even where no body is before it.
            part.body = part.end = at_least(part.begin, header_end);
            for (MimePart& message : part.children) {
                message.begin = message.body = message.end = part.end;
            }
        }
    }

    void read_body(MimePart& part, std::size_t depth) {
        // An empty one is one.
        auto boundary = std::ranges::find_if(part.parameters, [](const MimeParameter& each) {
            return iequals(each.first, "boundary");
        });
        if (part.is_multipart() && boundary != part.parameters.end()) {
            parse_children(part, boundary->second.substr(0, kMaxBoundary), depth);
        } else {
            stopped_at_ = skip_to_delimiter();
        }
        // Behind a part whose header runs into a delimiter, the line end is not the delimiter's.
        const bool before_line_end = stopped_at_.level != 0 && !header_cut_;
        part.end = before_line_end ? at_least(part.body, before_line_end_) : at_;
    }

    static MimePart empty_part(const Mark& place) {
        MimePart part;
        part.begin = part.body = part.end = place;
        part.type = "text";
        part.subtype = "plain";
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
            // The epilogue, up to a delimiter further out.  The closing delimiter's own line end
            // belongs to this part even where the next delimiter follows at once, as with Dovecot.
            stopped_at_ = skip_to_delimiter();
        }
    }

    std::string_view text_;
    Mark at_;
    Mark before_line_end_;  // where the last line skipped has its line end
    std::vector<std::string> boundaries_;
    Delimiter stopped_at_;
    bool header_cut_ = false;  // it was a header that ran into it
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
