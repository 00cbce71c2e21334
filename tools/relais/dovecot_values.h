// Values of Dovecot's settings in our notation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/config/dovecot_conf.h"

namespace relais {

// "30 secs", "1 min": with our letter for the unit.  Nothing where it is no time.
[[nodiscard]] std::optional<std::string> time_of(std::string_view text);

// A list of networks: addresses of IPv6 have brackets in ours.
[[nodiscard]] std::string bracketed_networks(std::string_view text);

// An item of a list in main.cf: in braces where it has blanks or commas.
[[nodiscard]] std::string list_item(std::string text);

// "name = <FILE" with the file's one line as its value; unchanged where there is no such file,
// where it has more lines, and where it is a secret or a certificate, whose place goes over.
[[nodiscard]] DovecotSetting with_value_of_file(const DovecotSetting& setting);

// pop3_uidl_format in the notation of 2.3: "%{uid | hex(8)}" is "%08Xu".
[[nodiscard]] std::string short_uidl_format(std::string_view text);

// 2.4 has only long names: %{user}, %{user | username}, %{user | domain}, %{home}.
[[nodiscard]] std::string short_variables(std::string text);

}  // namespace relais
