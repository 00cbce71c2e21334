// Reads the records of a queue file: from a descriptor through a window that holds small files
// whole (one pread), or from memory.  Used by qmgr, the delivery agents, bounce, showq and the
// queue tools.  The bytes are not trusted: lengths, offsets and pointer loops are bounded, and a
// torn file is an error, never a short success.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/queue/record.h"

namespace relais {

class RecordReader {
  public:
    enum class Follow {
        kPointers,       // continue where pointer records lead; padding is not seen
        kPointersShown,  // the same, and pointers and padding are handed out too
        kRaw,            // every record in the order of the file
    };

    // The largest record in a file that one of ours or Postfix's programs wrote is far smaller.
    static constexpr std::size_t kMaxRecord = std::size_t{1} << 24;
    // At most this many jumps backwards in a file.
    static constexpr int kMaxReverseJumps = 10000;

    // Reads from `fd`, which must stay open; the file position is neither used nor moved.
    explicit RecordReader(int fd, Follow follow = Follow::kPointers);
    // Reads from `bytes`, which must outlive the reader.
    explicit RecordReader(std::string_view bytes, Follow follow = Follow::kPointers);

    RecordReader(const RecordReader&) = delete;
    RecordReader& operator=(const RecordReader&) = delete;

    // The next record; nothing at the end of the file (after E, when pointers are followed).
    // Its data is valid until the next call.
    Result<std::optional<Record>> next();

    // Where the last record starts, and where the next is looked for.
    std::int64_t record_offset() const { return record_at_; }

    std::int64_t offset() const { return next_at_; }

    void seek(std::int64_t offset);

  private:
    Result<DecodeResult> decode();
    Result<bool> fill(std::size_t want);
    int read_at(std::int64_t offset, std::span<char> into, std::size_t want,
                std::size_t& filled) const;
    Result<void> jump(std::string_view target);
    std::string_view window() const;

    int fd_ = -1;
    Follow follow_;
    std::string buffer_;
    std::string_view bytes_;      // the window: buffer_ or the caller's memory
    std::int64_t window_at_ = 0;  // file offset of bytes_
    std::int64_t record_at_ = 0;
    std::int64_t next_at_ = 0;
    int reverse_jumps_ = 0;
    bool at_end_ = false;
};

// The lines of a message, from its content segment.
class ContentReader {
  public:
    struct Line {
        std::string_view text;  // without a newline; valid until the next call
        bool complete = true;   // false: the line goes on in the next one
    };

    // `data_offset` as in the size record and in delivery requests.
    ContentReader(int fd, std::int64_t data_offset);
    ContentReader(std::string_view file, std::int64_t data_offset);

    // Nothing at the end of the content.
    Result<std::optional<Line>> next();

    // Back to the first line.
    void rewind();

  private:
    RecordReader reader_;
    std::int64_t start_;
    bool done_ = false;
};

}  // namespace relais
