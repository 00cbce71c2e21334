// Finds the messages of an mbox file.  A message begins with a From_ line at the beginning of a
// line; a Content-Length that leads to the next one is believed, so that messages may have such
// lines in their text.  The line end before a From_ line belongs to neither message.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mbox_format.h"

namespace relais {

// Where a message lies.
struct MboxSpan {
    std::uint64_t from_at = 0;  // its From_ line
    std::uint64_t end = 0;      // the next one, or the end of the file
    std::uint32_t head = 0;     // behind from_at: its header
    std::uint32_t body = 0;     // behind from_at: its body, after the empty line
    std::uint32_t tail = 0;     // before end: what separates it from the next
    std::uint32_t unused = 0;   // no hole: spans are kept in files
    std::int64_t received = 0;

    std::uint64_t head_at() const { return from_at + head; }

    std::uint64_t body_at() const { return from_at + body; }

    std::uint64_t content_end() const { return end - tail; }
};

class MboxScan {
  public:
    // Borrows `fd`; looks at nothing behind `size`.
    MboxScan(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

    using Found = std::function<void(const MboxSpan& span, const MboxHeader& header)>;

    // The messages from this offset on, where the file begins or a From_ line is.  kCorrupt: there
    // is none.
    [[nodiscard]] Result<void> run(std::uint64_t from, const Found& found);

    // Only the first of them.
    [[nodiscard]] Result<MboxSpan> one(std::uint64_t at, MboxHeader& header);

  private:
    std::string_view view(std::uint64_t at, std::size_t most);
    bool is_from_line(std::uint64_t at);
    std::size_t header_size(std::uint64_t at);
    std::uint64_t find_end(std::uint64_t body, const MboxHeader& header);
    std::uint64_t next_from(std::uint64_t at);

    int fd_;
    std::uint64_t size_;
    std::string window_;
    std::uint64_t window_at_ = 0;
    int trouble_ = 0;
};

}  // namespace relais
