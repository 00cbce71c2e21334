// The value of an address header (To:, From:, Cc: ...) as text with slots: each address can be read
// and replaced, and the value is printed back with the names, comments and groups around them.
// cleanup and smtp rewrite headers with it, sendmail and smtpd read recipients and paths.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
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

    // True where something stands beside the addresses, their "<" and ">", and comments.
    bool has_text_outside() const;
    bool has_comments() const;

    // True where a "<" or ">" is alone, or some "<...>" holds no single address.
    bool malformed() const { return malformed_; }

    // True where an address got quotes that it had not, without which it would be none.
    bool repaired() const { return repaired_; }

    // Replaces an address, in quoted form.
    void set_external(std::size_t i, std::string_view address);

    // The value again: ", " between addresses, or ",\n" for fold_header().
    enum class Separator { kBlank, kNewline };
    [[nodiscard]] std::string print(Separator separator = Separator::kNewline) const;

  private:
    struct Slot {
        AddressTokens tokens;
        bool bracketed = false;
    };

    // What print() puts out: a token around the addresses, or (slot >= 0) an address.
    struct Piece {
        AddressToken token;
        int slot = -1;
        bool begins_group = false;  // the ":" behind a group's name
    };

    friend class AddressListParser;

    bool is_wordy(const Piece& piece) const;

    std::vector<Slot> slots_;
    std::vector<Piece> pieces_;
    bool malformed_ = false;
    bool repaired_ = false;
};

}  // namespace relais
