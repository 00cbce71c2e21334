// BDAT on the receiving side: what the command says, and the lines of content that comes in chunks.
// A chunk may end anywhere, also between CR and LF; a dot means nothing.  RFC 3030
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/smtp/command_line.h"
#include "lib/smtp/data_decoder.h"

namespace relais::smtp {

struct Chunk {
    std::uint64_t size = 0;  // bytes that follow the command
    bool last = false;
};

// Nothing where the command is malformed: how much content follows is unknown then.
[[nodiscard]] std::optional<Chunk> parse_bdat(const CommandLine& command);

class ChunkDecoder {
  public:
    ChunkDecoder(BareNewline mode, std::size_t line_limit) : mode_(mode), line_limit_(line_limit) {}

    using Line = DataDecoder::Line;

    // Takes the next line, or a piece of a long one, off the front of `input`.  False: all of it
    // was taken, and a line that is not complete is kept for the next chunk.  `line` is valid until
    // the next call.
    bool next(std::string_view& input, Line& line);

    // After the last chunk: the line that has no end.  False where there is none.
    bool finish(Line& line);

    // Bytes kept.
    std::size_t pending() const { return kept_.size(); }

    bool saw_bare_newline() const { return saw_bare_newline_; }

  private:
    Line whole(std::string_view text);

    BareNewline mode_;
    std::size_t line_limit_;
    std::string kept_;      // of an incomplete line, never its LF
    std::string taken_;     // what `line` points to where it began in an earlier chunk
    bool in_line_ = false;  // the last piece goes on
    bool saw_bare_newline_ = false;
};

}  // namespace relais::smtp
