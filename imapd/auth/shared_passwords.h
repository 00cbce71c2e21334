// What one machine has found to be a right password, told to the others over login_shared_server:
// sealed with login_shared_secret_file, so that what the server says counts only if one of them has
// left it there, for this user and database, and not too long ago.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/ipc/shared_server.h"
#include "lib/sasl/sealed.h"

#include "imapd/auth/database.h"

namespace relais {

struct RightPassword {
    AuthAnswer answer;   // what the database said
    std::string digest;  // password_digest() with key()
    std::int64_t until = 0;

    [[nodiscard]] std::string serialize() const;
    [[nodiscard]] static std::optional<RightPassword> parse(std::string_view text);
};

class SharedPasswords {
  public:
    // Reads the secret: while the process may.  Ends it where the file cannot be used.
    SharedPasswords();

    bool is_on() const { return sealer_.has_value(); }

    // For password_digest(), the same on all machines.
    std::string key() const { return sealer_->key_for("password digest"); }

    // `database` is its text in the configuration.
    [[nodiscard]] Task<std::optional<RightPassword>> find(std::string database, std::string user);
    [[nodiscard]] Task<void> put(std::string database, std::string user, RightPassword right);
    [[nodiscard]] Task<void> remove(std::string database, std::string user);
    // Whatever the server has: nobody looks for it any longer.
    [[nodiscard]] Task<void> remove_all();

  private:
    [[nodiscard]] Task<std::string> name_of(std::string database, std::string user);

    SharedServer server_;
    std::optional<Sealer> sealer_;
};

}  // namespace relais
