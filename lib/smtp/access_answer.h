// The parts of what access tables and policy servers answer: "REJECT 5.7.1 go away", "450 later".
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

struct AccessAnswer {
    enum class Kind {
        kEmpty,
        kPermit,  // digits alone
        kReply,   // begins with a reply code of its own
        kOther,   // an action, or a list of restrictions: the table of actions knows
    };
    Kind kind = Kind::kOther;
    int code = 0;  // kReply: 400 to 599
    std::string_view whole;
    std::string_view action;  // its first word; "" where it begins with a blank
    std::string_view text;    // what follows; blanks at its end stay
};

// The parts refer to `value`.
[[nodiscard]] AccessAnswer parse_access_answer(std::string_view value);

// "[DSN] [text]" of a refusal, with what stands for the parts that are missing.
struct RefusalWords {
    std::string dsn;
    std::string text;
};

[[nodiscard]] RefusalWords refusal_words(std::string_view text, std::string_view dsn,
                                         std::string_view fallback);

}  // namespace relais::smtp
