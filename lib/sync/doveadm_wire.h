// The protocol of Dovecot's doveadm servers, version 1.2, on buffers.
//
// The client begins with a line, the server answers with its own and "+" or "-", which means that
// it wants a password.  Then the client says a command in a line,
//     FLAGS <TAB> USER <TAB> COMMAND <TAB> ARGUMENT ...
// and the server the values of its table, each with a tab behind it, an empty line, and how it
// went: "+", or "-" and a word.  Once it is logged in, the server's bytes come in frames: a byte
// for the channel (0: answers; L: lines of its log), and a length of four bytes.  Version 1.0 has
// no line of the server's before "+" or "-", and no frames.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais::doveadm_wire {

inline constexpr std::string_view kHello = "VERSION\tdoveadm-server\t1\t2\n";

// The line that logs in.
[[nodiscard]] std::string login_line(std::string_view password);

[[nodiscard]] std::string command_line(std::string_view user,
                                       const std::vector<std::string>& words);

// A text behind a command's line: lines that begin with a dot get another one, and a dot ends it.
[[nodiscard]] std::string dotted(std::string_view text);

// Puts frames together, however they come in.
class Frames {
  public:
    // Appends what belongs to the answers, and the lines of the log, which begin with the server's
    // name for its process.  kSyntax: this is no frame.
    [[nodiscard]] Result<void> take(std::string_view bytes, std::string& answers,
                                    std::vector<std::string>& log);

  private:
    std::string head_;
    std::string log_;
    std::size_t left_ = 0;
    char channel_ = '\0';
};

// What the server's bytes begin with.
struct Piece {
    enum class Kind { kMore, kValue, kEnd };

    Kind kind = Kind::kMore;  // more has to come
    std::string value{};      // kEnd: empty, or the word behind "-" ("-" for none)
    std::size_t size = 0;     // bytes of it
};

// Of bytes that have been looked at before, and were no whole piece, `known` tells the number: they
// are not searched again.
[[nodiscard]] Piece next_piece(std::string_view answers, std::size_t known = 0);

}  // namespace relais::doveadm_wire
