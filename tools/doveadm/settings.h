// Dovecot's settings on doveadm's command line (-o), and in a file of Dovecot's (-c), as guides for
// moving mail have them.  Those that no command here reads change nothing.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/sync/doveadm_client.h"
#include "lib/sync/imap_client.h"

namespace relais::doveadm {

class Settings {
  public:
    // "name=value".  Ends the process where it has no "=".
    void take(std::string_view text);

    // Those at the top of a dovecot.conf and of what it includes, where no -o has said them.  Ends
    // the process where the file makes no sense.
    void take_file(const std::string& path);

    // `otherwise` where it is not set.
    std::string get(std::string_view name, std::string_view otherwise = "") const;

  private:
    std::map<std::string, std::string, std::less<>> values_;
};

// What imapc_* say, for one user.  kSyntax names a value that makes no sense.
[[nodiscard]] Result<ImapAccount> imap_account(const Settings& settings, const std::string& user,
                                               std::chrono::seconds patience);

// What doveadm_password, doveadm_port and ssl_client_ca_* say of the doveadm server at `where`: a
// socket's path, HOST:PORT, or HOST alone.  kSyntax: it has no port.
[[nodiscard]] Result<DoveadmAccount> doveadm_account(const Settings& settings, std::string where,
                                                     ServerTlsUse tls);

}  // namespace relais::doveadm
