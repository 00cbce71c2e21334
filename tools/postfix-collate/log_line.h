// What postfix-collate needs to know of a log line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

struct CollatedLine {
    std::string_view program;   // "smtpd", without what stands before it in the tag
    std::string_view process;   // the number
    std::string_view queue_id;  // empty where the text does not begin with one
    std::string_view text;      // behind the queue id
};

// Nothing where the line is no daemon's ("DATE HOST postfix/smtpd[123]: text", whatever the form of
// the date).
[[nodiscard]] std::optional<CollatedLine> parse_collated_line(std::string_view line);

// "0A1B2C3D4E5" or the long form; a word that looks like one is not.
[[nodiscard]] bool looks_like_queue_id(std::string_view word);

}  // namespace relais
