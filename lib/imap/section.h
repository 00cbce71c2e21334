// Cuts the section that a client wants out of a message, and writes it with CRLF line ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/imap/fetch_items.h"
#include "lib/imap/mime_tree.h"

namespace relais::imap {

// A piece of a message, or text that was made from it.
class SectionText {
  public:
    // Points into the message; `wire_size` is its size with CRLF line ends.
    SectionText(std::string_view piece, std::uint64_t wire_size)
        : piece_(piece), wire_size_(wire_size) {}

    explicit SectionText(std::string made) : made_(std::move(made)), wire_size_(made_->size()) {}

    std::uint64_t wire_size() const { return wire_size_; }

    // Appends `count` bytes of the wire form from `origin` on (both within the size).
    void append(std::string& out, std::uint64_t origin, std::uint64_t count) const;

  private:
    std::string_view piece_;
    std::optional<std::string> made_;  // has CRLF line ends already
    std::uint64_t wire_size_;
};

// Nothing where there is no such part: NIL in the response.
[[nodiscard]] std::optional<SectionText> cut_section(std::string_view message, const MimePart& root,
                                                     const Section& section);

// True when only the header of the message is needed, so that it need not be parsed further.
[[nodiscard]] bool is_flat_section(const Section& section);

// " BODY[...] {n}\r\n..." without the blank: label and literal, or label and NIL.
void append_section(std::string& out, std::string_view message, const MimePart& root,
                    const FetchItem& item);

}  // namespace relais::imap
