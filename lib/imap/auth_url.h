// URLs that authorize who holds them to fetch a message (RFC 4467, RFC 5092 6.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/imap/imap_url.h"

namespace relais::imap {

struct AuthUrl {
    enum class Access {
        kAnonymous,  // anybody
        kAuthUser,   // who has logged in
        kUser,       // this user
        kSubmit,     // a submission server, for this user
    };

    std::string user;  // whose message it is
    std::string host;
    ImapUrl message;
    std::optional<std::int64_t> expires;  // seconds since 1970
    Access access = Access::kAnonymous;
    std::string access_user;
    std::string rump;  // the URL up to here, which the token vouches for
    std::string mechanism;
    std::string token;  // 8 hexadecimal digits at least; empty in a rump
};

// "imap://joe@example.com/INBOX/;uid=20/;section=1.2;expire=2030-01-01T00:00:00Z;urlauth=user+fred",
// and with ":internal:TOKEN" behind it.  The error says what is wrong.
[[nodiscard]] Result<AuthUrl> parse_auth_url(std::string_view url);

// "2006-07-25T11:00:00.5+02:00" (RFC 3339); seconds since 1970.
[[nodiscard]] std::optional<std::int64_t> parse_timestamp(std::string_view text);

}  // namespace relais::imap
