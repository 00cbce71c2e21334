// A message that is being received: the headers that are added, and then its lines, with LF line
// ends, in a file that has no name.  Small ones are in memory, others on the disk of
// data_directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais::lmtpd {

// Where large messages wait: opened while the process may still see it.
class SpoolDirectory {
  public:
    explicit SpoolDirectory(const std::string& path);

    // Its descriptor, or -1.
    int fd() const { return directory_.get(); }

    [[nodiscard]] Result<UniqueFd> make_file() const;

  private:
    UniqueFd directory_;
};

enum class LineEnd { kYes, kNo };

class Message {
  public:
    explicit Message(const SpoolDirectory& spool) : spool_(spool) {}

    // Lines, or pieces of them.  A failure sticks.
    void write(std::string_view text, LineEnd end);

    // Writes out what is buffered.
    [[nodiscard]] Result<void> finish();

    int fd() const { return file_.get(); }

    std::int64_t size() const { return size_; }

    // With CRLF line ends.
    std::int64_t wire_size() const { return size_ + lines_; }

    // Of the content, for limits.
    std::int64_t content_size() const { return size_ - added_; }

    // Where it begins, behind the headers that are added.
    std::int64_t content_offset() const { return added_; }

    // What was written so far are headers that are added.
    void begin_content() { added_ = size_; }

    // The value of Message-ID, for the log.
    const std::string& message_id() const { return message_id_; }

  private:
    void drain();
    [[nodiscard]] Result<void> write_out();
    [[nodiscard]] Result<void> move_to_disk();
    void look_at_header(std::string_view line, LineEnd end);

    const SpoolDirectory& spool_;
    UniqueFd file_;
    bool on_disk_ = false;
    std::string buffer_;
    std::int64_t size_ = 0;
    std::int64_t lines_ = 0;
    std::int64_t added_ = 0;
    bool in_header_ = true;
    bool at_line_start_ = true;
    std::string message_id_;
    Result<void> outcome_;
};

}  // namespace relais::lmtpd
