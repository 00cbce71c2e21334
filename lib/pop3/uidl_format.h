// pop3_uidl_format, in the notation of Dovecot's setting of that name: what identifies a message
// for a client that leaves mail on the server.  "%08Xu%08Xv" is Dovecot's default.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais::pop3 {

struct UidlValues {
    std::uint32_t uid = 0;           // %u, %{uid}
    std::uint32_t uid_validity = 0;  // %v, %{uidvalidity}
    std::string_view file_name;      // %f, %{filename}: the base name
    std::string_view guid;           // %g, %{guid}
};

class UidlFormat {
  public:
    // %[-][OFFSET.][0][WIDTH][modifiers]NAME, with the modifiers L, U (case), X (hexadecimal),
    // R (reversed) and T (trimmed).  %m (a digest of the header) is not for Maildirs.
    [[nodiscard]] static Result<UidlFormat> parse(std::string_view text);

    [[nodiscard]] std::string expand(const UidlValues& values) const;

    // Whether file_name and guid are looked at.
    bool needs_names() const { return needs_names_; }

  private:
    struct Piece {
        std::string literal;    // before the variable
        char variable = '\0';   // none: the end of the text
        std::string modifiers;  // in the order in which they apply
        std::int64_t offset = 0;
        std::size_t width = 0;
        bool pad = false;
    };

    [[nodiscard]] static Result<void> take_variable(std::string_view& text, Piece& piece);
    static void append_value(std::string& out, const Piece& piece, std::string value);

    std::vector<Piece> pieces_;
    bool needs_names_ = false;
};

}  // namespace relais::pop3
