// Values of Dovecot's settings in our notation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

// "30 secs", "1 min": with our letter for the unit.  Nothing where it is no time.
[[nodiscard]] std::optional<std::string> time_of(std::string_view text);

// A list of networks: addresses of IPv6 have brackets in ours.
[[nodiscard]] std::string bracketed_networks(std::string_view text);

// An item of a list in main.cf: in braces where it has blanks or commas.
[[nodiscard]] std::string list_item(std::string text);

// 2.4 has only long names: %{user}, %{user | username}, %{user | domain}, %{home}.
[[nodiscard]] std::string short_variables(std::string text);

}  // namespace relais
