#include "lib/ipc/attr.h"

#include <algorithm>
#include <limits>

#include "lib/base/base64.h"
#include "lib/base/strings.h"

namespace relais {

// Of most lists: bytes, and attributes.
static constexpr std::size_t kUsualSize = 256;
static constexpr std::size_t kUsualCount = 16;

void AttrWriter::pair(std::string_view name, std::string_view value) {
    bool plain = encoding_ == AttrEncoding::kPlain;
    char end = plain ? '\n' : '\0';
    if (bytes_.empty()) {
        bytes_.reserve(kUsualSize);
    }
    bytes_ += name;
    bytes_ += plain ? '=' : '\0';
    bytes_ += value.substr(0, value.find(end));  // what is behind would be pairs of its own
    bytes_ += end;
}

AttrWriter& AttrWriter::number(std::string_view name, std::int64_t value) {
    bool fits_int = value >= std::numeric_limits<std::int32_t>::min() && value < 0;
    auto bits = fits_int ? std::uint64_t{static_cast<std::uint32_t>(value)}
                         : static_cast<std::uint64_t>(value);
    pair(name, std::to_string(bits));
    return *this;
}

AttrWriter& AttrWriter::long_number(std::string_view name, std::int64_t value) {
    pair(name, std::to_string(static_cast<std::uint64_t>(value)));
    return *this;
}

AttrWriter& AttrWriter::string(std::string_view name, std::string_view value) {
    // The encodings cannot carry their own separator: cut there, as a C string would be.
    char separator = encoding_ == AttrEncoding::kPlain ? '\n' : '\0';
    pair(name, value.substr(0, value.find(separator)));
    return *this;
}

AttrWriter& AttrWriter::data(std::string_view name, std::string_view bytes) {
    pair(name, base64_encode(bytes));
    return *this;
}

AttrWriter& AttrWriter::hash(const std::vector<std::pair<std::string, std::string>>& pairs) {
    char separator = encoding_ == AttrEncoding::kPlain ? '\n' : '\0';
    (bytes_ += '{') += separator;
    for (const auto& [name, value] : pairs) {
        string(name, value);
    }
    (bytes_ += '}') += separator;
    return *this;
}

AttrWriter& AttrWriter::end() {
    bytes_ += encoding_ == AttrEncoding::kPlain ? '\n' : '\0';
    return *this;
}

namespace {

// Walks over the separated texts of a list.
class Cursor {
  public:
    Cursor(std::string_view bytes, char separator) : bytes_(bytes), separator_(separator) {}

    std::optional<std::string_view> next() {
        auto end = bytes_.find(separator_, at_);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        auto text = bytes_.substr(at_, end - at_);
        at_ = end + 1;
        return text;
    }

    std::size_t at() const { return at_; }

  private:
    std::string_view bytes_;
    char separator_;
    std::size_t at_ = 0;
};

AttrParse parse_nul(std::string_view bytes) {
    AttrParse out{.status = AttrParse::Status::kIncomplete, .length = 0, .attributes = {}};
    out.attributes.reserve(kUsualCount);
    Cursor cursor(bytes, '\0');
    while (auto name = cursor.next()) {
        if (name->empty()) {
            out.status = AttrParse::Status::kComplete;
            out.length = cursor.at();
            return out;
        }
        if (*name == "{" || *name == "}") {
            continue;
        }
        auto value = cursor.next();
        if (!value) {
            return out;
        }
        out.attributes.emplace_back(*name, *value);
    }
    return out;
}

AttrParse parse_plain(std::string_view bytes) {
    AttrParse out{.status = AttrParse::Status::kIncomplete, .length = 0, .attributes = {}};
    Cursor cursor(bytes, '\n');
    while (auto line = cursor.next()) {
        // Postfix writes the NUL of its C string after the braces.
        std::string_view text = line->substr(0, line->find('\0'));
        if (text.empty()) {
            out.status = AttrParse::Status::kComplete;
            out.length = cursor.at();
            return out;
        }
        if (text == "{" || text == "}") {
            continue;
        }
        auto parts = split_first(text, '=');
        if (!parts) {
            out.status = AttrParse::Status::kMalformed;
            return out;
        }
        out.attributes.emplace_back(parts->first, parts->second);
    }
    return out;
}

}  // namespace

AttrParse parse_attributes(std::string_view bytes, AttrEncoding encoding) {
    return encoding == AttrEncoding::kPlain ? parse_plain(bytes) : parse_nul(bytes);
}

// True when the list cannot be complete yet: saves parsing a large list once for each arrival.
static bool surely_incomplete(std::string_view bytes, AttrEncoding encoding) {
    constexpr std::string_view kNulEnd("\0\0", 2);
    if (encoding == AttrEncoding::kPlain) {
        return !bytes.starts_with('\n') && bytes.find("\n\n") == std::string_view::npos;
    }
    return !bytes.starts_with('\0') && bytes.find(kNulEnd) == std::string_view::npos;
}

Task<Result<Attributes>> read_attributes(Stream* stream, AttrEncoding encoding, std::size_t limit) {
    for (;;) {
        std::string_view bytes = stream->buffered();
        if (!surely_incomplete(bytes, encoding)) {
            AttrParse parse = parse_attributes(bytes, encoding);
            if (parse.status == AttrParse::Status::kComplete) {
                stream->consume(parse.length);
                co_return std::move(parse.attributes);
            }
            if (parse.status == AttrParse::Status::kMalformed) {
                co_return fail(Errc::kCorrupt, "malformed attribute list");
            }
        }
        if (bytes.size() > limit) {
            co_return fail(Errc::kCorrupt, "attribute list is too long");
        }
        std::size_t had = bytes.size();
        bool more = co_await stream->fill();
        if (!more && had == 0) {
            co_return fail(Errc::kClosed, "connection closed");
        }
        if (!more) {
            co_return fail(Errc::kCorrupt, "connection closed in the middle of an attribute list");
        }
    }
}

void AttrReader::set_error(std::string_view what, std::string_view name) {
    if (error_.empty()) {
        error_ = std::string(what) + " " + std::string(name);
    }
}

std::optional<std::string> AttrReader::string_if_next(std::string_view name) {
    if (failed() || at_end() || (*attributes_)[next_].first != name) {
        return std::nullopt;
    }
    return (*attributes_)[next_++].second;
}

std::string AttrReader::string(std::string_view name) {
    while (!failed() && !at_end()) {
        const auto& [found, value] = (*attributes_)[next_++];
        if (found == name) {
            return value;
        }
    }
    set_error("missing attribute", name);
    return {};
}

std::optional<std::uint64_t> AttrReader::unsigned_value(std::string_view name, std::uint64_t most) {
    std::string text = string(name);
    if (failed()) {
        return std::nullopt;
    }
    auto value = parse_uint(text);
    if (!value || *value > most) {
        set_error("malformed number in attribute", name);
        return std::nullopt;
    }
    return value;
}

std::uint32_t AttrReader::number(std::string_view name) {
    auto value = unsigned_value(name, std::numeric_limits<std::uint32_t>::max());
    return static_cast<std::uint32_t>(value.value_or(0));
}

std::int32_t AttrReader::signed_number(std::string_view name) {
    return static_cast<std::int32_t>(number(name));
}

std::int64_t AttrReader::long_number(std::string_view name) {
    auto value = unsigned_value(name, std::numeric_limits<std::uint64_t>::max());
    return static_cast<std::int64_t>(value.value_or(0));
}

std::string AttrReader::data(std::string_view name) {
    std::string text = string(name);
    auto bytes = base64_decode(text);
    if (!bytes) {
        set_error("malformed data in attribute", name);
        return {};
    }
    return std::move(*bytes);
}

}  // namespace relais
