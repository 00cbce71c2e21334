// The value of an address header (To:, From:, Cc: ...) as text with slots: each address can be read
// and replaced, and the value is printed back with the names, comments and groups around them.
// cleanup rewrites headers and reads `sendmail -t` recipients with it, the IMAP server fills
// ENVELOPE from it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/mail/address_tokens.h"

namespace relais {

class AddressList {
  public:
    [[nodiscard]] static AddressList parse(std::string_view header_value,
                                           std::size_t token_limit = kAddressTokenLimit);

    std::size_t size() const { return slots_.size(); }

    // The address in quoted form; "" for "<>".
    std::string external(std::size_t i) const { return external_address(slots_[i].tokens); }

    // The address in unquoted form.
    std::string internal(std::size_t i) const { return internal_address(slots_[i].tokens); }

    // The name beside the address, decoded from its quotes: "Joe Bloggs", or of the comment.
    std::string display_name(std::size_t i) const;

    // The group that holds the address: its index in groups(), or -1.
    int group(std::size_t i) const { return slots_[i].group; }

    const std::vector<std::string>& groups() const { return groups_; }

    // True where something stands beside the addresses, their "<" and ">", and comments.
    bool has_text_outside() const;
    bool has_comments() const;

    // True where some "<...>" holds no single address.
    bool malformed() const { return malformed_; }

    // Replaces an address, in quoted form.
    void set_external(std::size_t i, std::string_view address);

    // The value again: ", " between addresses, or ",\n" for fold_header().
    enum class Separator { kBlank, kNewline };
    [[nodiscard]] std::string print(Separator separator = Separator::kNewline) const;

  private:
    struct Slot {
        AddressTokens tokens;
        int group = -1;
        std::size_t first_piece = 0;  // its element's first piece
        std::size_t piece = 0;
        bool bracketed = false;
    };

    // What print() puts out: a token around the addresses, or (slot >= 0) an address.
    struct Piece {
        AddressToken token;
        int slot = -1;
    };

    friend class AddressListParser;

    std::vector<Slot> slots_;
    std::vector<Piece> pieces_;
    std::vector<std::string> groups_;
    bool malformed_ = false;
};

}  // namespace relais
