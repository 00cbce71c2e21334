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

    // The address in quoted form; "" for "<>".  What could not stand in an address is quoted.
    std::string external(std::size_t i) const;

    // The address in unquoted form.
    std::string internal(std::size_t i) const;

    // True for "<>".
    bool is_null(std::size_t i) const { return slots_[i].tokens.empty(); }

    // True where nothing stands beside the addresses: no names, brackets, comments or commas.
    bool is_bare() const { return pieces_.size() == slots_.size(); }

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
    bool repaired_ = false;
};

}  // namespace relais
