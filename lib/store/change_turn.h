// Changes to a Mailbox that get one number, and are written down, where that is done, when this
// goes.  Nothing is awaited meanwhile.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/store/mailbox.h"

namespace relais {

class ChangeTurn {
  public:
    explicit ChangeTurn(Mailbox& box);
    ~ChangeTurn();
    ChangeTurn(const ChangeTurn&) = delete;
    ChangeTurn& operator=(const ChangeTurn&) = delete;

    std::uint64_t number() const { return number_; }

    // The flag change before.
    std::uint64_t before() const { return before_; }

    // Messages come in the order of their UIDs, those that are gone in one of their own.
    void changed(MailMessage& message) {
        arrived(message);
        flags_changed_ = true;
    }

    void arrived(MailMessage& message);

    // Whatever has happened: nobody knows what was there before.
    void unknown() { used_ = true; }

    void gone(std::uint32_t uid);

  private:
    void extend(std::vector<ChangeRecord>& records, std::uint32_t uid, ChangeRecord::Kind kind);
    void write_down();

    Mailbox& box_;
    std::uint64_t number_ = 0;
    std::uint64_t before_ = 0;
    bool used_ = false;
    bool flags_changed_ = false;
    std::vector<ChangeRecord> changed_;
    std::vector<ChangeRecord> gone_;
};

}  // namespace relais
