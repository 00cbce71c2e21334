// Cuts the section that a client wants out of a message, and writes it with CRLF line ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/imap/fetch_items.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

// Reads text with CRLF line ends, whatever ends its lines have.
class WireReader {
  public:
    explicit WireReader(std::string_view raw) : raw_(raw) {}

    // Both end early at the end of the text.
    void skip(std::uint64_t count) { take(nullptr, count); }

    void read(std::string& out, std::uint64_t count);

  private:
    // Takes up to `count` bytes; into `out` where it is given.
    void take(std::string* out, std::uint64_t count);

    std::string_view raw_;
    std::size_t at_ = 0;
    bool line_feed_due_ = false;  // the CR of a bare line feed was given out
};

// A piece of a message, or text that was made from it.
class SectionText {
  public:
    // Points into the message; `wire_size` is its size with CRLF line ends.
    SectionText(std::string_view piece, std::uint64_t wire_size)
        : piece_(piece), wire_size_(wire_size) {}

    explicit SectionText(std::string made) : made_(std::move(made)), wire_size_(made_->size()) {}

    std::uint64_t wire_size() const { return wire_size_; }

    // Appends `count` bytes of the wire form from `origin` on (both within the size); 0x80 stands
    // for NUL.
    void append(std::string& out, std::uint64_t origin, std::uint64_t count) const;

    // For long texts: all of it, to be read bit by bit.  The text must outlive the reader.
    WireReader reader() const { return WireReader(made_ ? std::string_view(*made_) : piece_); }

  private:
    void append_as_stored(std::string& out, std::uint64_t origin, std::uint64_t count) const;

    std::string_view piece_;
    std::optional<std::string> made_;  // has CRLF line ends already
    std::uint64_t wire_size_;
};

// The part that `path` leads to, or null.  RFC 3501 6.4.5: in a message/rfc822 the numbers count
// the parts of the message inside; a part that is no multipart has one part, itself.
[[nodiscard]] const MimePart* find_part(const MimePart& root,
                                        const std::vector<std::uint32_t>& path);

// Nothing where there is no such part: NIL in the response.
[[nodiscard]] std::optional<SectionText> cut_section(std::string_view message, const MimePart& root,
                                                     const Section& section);

// True when only the header of the message is needed, so that it need not be parsed further.
[[nodiscard]] bool is_flat_section(const Section& section);

// The range of a text that the client wants.
struct SectionRange {
    std::uint64_t origin = 0;
    std::uint64_t count = 0;
};

[[nodiscard]] SectionRange wanted_range(const FetchItem& item, std::uint64_t wire_size);

// "BODY[...] {n}\r\n" and the text, or "BODY[...] NIL".
void append_section(std::string& out, std::string_view message, const MimePart& root,
                    const FetchItem& item);

}  // namespace relais::imap
