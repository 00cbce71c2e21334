// The attribute protocol of Postfix's internal services: ordered lists of names and values, in the
// NUL-terminated encoding ("attr0", almost everywhere) or the plain one (anvil, policy servers).
//
// A list is read whole, up to its terminator, without knowledge of what it should hold; AttrReader
// then takes values out in order with Postfix's rules: a name that is not wanted is skipped, one
// that comes too early is lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"

namespace relais {

enum class AttrEncoding { kNul, kPlain };

// Builds lists.  Numbers are unsigned on the wire: an int of -1 goes out as 4294967295, a long one
// (file offsets) as 2^64-1.
class AttrWriter {
  public:
    explicit AttrWriter(AttrEncoding encoding = AttrEncoding::kNul) : encoding_(encoding) {}

    AttrWriter& number(std::string_view name, std::int64_t value);
    AttrWriter& long_number(std::string_view name, std::int64_t value);
    AttrWriter& string(std::string_view name, std::string_view value);
    // Binary data, base64 on the wire.
    AttrWriter& data(std::string_view name, std::string_view bytes);
    // A group of free pairs.
    AttrWriter& hash(const std::vector<std::pair<std::string, std::string>>& pairs);
    // Ends the list; another one may follow.
    AttrWriter& end();

    const std::string& bytes() const { return bytes_; }

    std::string take() { return std::move(bytes_); }

  private:
    void pair(std::string_view name, std::string_view value);

    AttrEncoding encoding_;
    std::string bytes_;
};

using Attributes = std::vector<std::pair<std::string, std::string>>;

// Takes one list from the front of `bytes`.
struct AttrParse {
    enum class Status { kComplete, kIncomplete, kMalformed } status;
    std::size_t length = 0;  // of the list with its terminator, when complete
    Attributes attributes;   // hash groups are flattened, without their braces
};

[[nodiscard]] AttrParse parse_attributes(std::string_view bytes,
                                         AttrEncoding encoding = AttrEncoding::kNul);

inline constexpr std::size_t kMaxAttrList = std::size_t{1} << 20;

// The next list of a stream.  kClosed when the peer hung up before its first byte; kCorrupt when it
// is malformed, cut off, or longer than `limit` bytes.
[[nodiscard]] Task<Result<Attributes>> read_attributes(Stream* stream,
                                                       AttrEncoding encoding = AttrEncoding::kNul,
                                                       std::size_t limit = kMaxAttrList);

// Takes values in order.  The first missing or malformed one sets failed(), and everything after it
// is empty or zero: check once, at the end.
class AttrReader {
  public:
    explicit AttrReader(const Attributes& attributes) : attributes_(&attributes) {}

    std::string string(std::string_view name);
    std::uint32_t number(std::string_view name);        // 0 to 2^32-1
    std::int32_t signed_number(std::string_view name);  // 4294967295 reads as -1
    std::int64_t long_number(std::string_view name);
    std::string data(std::string_view name);

    // The value where that attribute is next; the place does not move where it is not.
    std::optional<std::string> string_if_next(std::string_view name);

    // True when nothing is left.
    bool at_end() const { return next_ >= attributes_->size(); }

    bool failed() const { return !error_.empty(); }

    // "missing attribute NAME" or "malformed number in attribute NAME".
    const std::string& error() const { return error_; }

  private:
    std::optional<std::uint64_t> unsigned_value(std::string_view name, std::uint64_t most);
    void set_error(std::string_view what, std::string_view name);

    const Attributes* attributes_;
    std::size_t next_ = 0;
    std::string error_;
};

}  // namespace relais
