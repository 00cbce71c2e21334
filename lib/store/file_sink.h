// A buffered writer over a file descriptor, for message content.  The first failure sticks: later
// writes do nothing, and finish() reports it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// What the error of a failed write of content begins with, as delivery agents report it.
inline constexpr std::string_view kWriteError = "error writing message";

class FileSink {
  public:
    // Borrows `fd`.
    explicit FileSink(int fd) : fd_(fd) {}

    void write(std::string_view bytes);

    // All of another file, from its beginning.
    void write_file(int from, std::uint64_t size);

    // Writes out what is buffered; the outcome of everything so far ("error writing message:
    // REASON").
    [[nodiscard]] Result<void> finish();

    std::uint64_t written() const { return written_; }

    // Where in the file the next bytes go; -1 for a file without positions.
    std::int64_t position() const;

    bool failed() const { return !outcome_; }

  private:
    void drain();

    int fd_;
    std::uint64_t written_ = 0;
    std::string buffer_;
    Result<void> outcome_;
};

// Produces a message; an error it returns aborts the delivery and is handed to the caller.
using ContentWriter = std::function<Result<void>(FileSink&)>;

}  // namespace relais
