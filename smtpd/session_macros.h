// $client_address, $sender_domain and the other names that texts of replies may hold:
// smtpd_reject_footer, rbl_reply_maps, default_rbl_reply.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais::smtpd {

class Session;

// Nothing for a name that is none.
[[nodiscard]] std::optional<std::string> session_macro(const Session& session,
                                                       std::string_view name);

// $recipient, $recipient_name, $recipient_domain of an address.
[[nodiscard]] std::optional<std::string> recipient_macro(std::string_view name,
                                                         const std::string& address);

// What else a text may name; asked first.
using MoreMacros = std::function<std::optional<std::string>(std::string_view)>;

// The text with its names replaced; bytes of values outside smtpd_expansion_filter become "_".
// A name that is none is warned about; it is an error, as bad syntax is.
[[nodiscard]] Result<std::string> expand_session_text(const Session& session, std::string_view text,
                                                      const MoreMacros& more = {});

}  // namespace relais::smtpd
