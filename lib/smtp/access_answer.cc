#include "lib/smtp/access_answer.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

namespace relais::smtp {

static bool is_reply_code(std::string_view word) {
    return word.size() == 3 && (word[0] == '4' || word[0] == '5') && is_digit(word[1]) &&
           is_digit(word[2]);
}

AccessAnswer parse_access_answer(std::string_view value) {
    AccessAnswer answer;
    answer.whole = value;
    const auto end = std::min(answer.whole.find_first_of(" \t"), answer.whole.size());
    answer.action = answer.whole.substr(0, end);
    answer.text = trim_left(answer.whole.substr(end));
    if (trim(value).empty()) {
        answer.kind = AccessAnswer::Kind::kEmpty;
    } else if (std::ranges::all_of(answer.whole, is_digit)) {
        answer.kind = AccessAnswer::Kind::kPermit;
    } else if (is_reply_code(answer.action)) {
        answer.kind = AccessAnswer::Kind::kReply;
        answer.code = static_cast<int>(parse_uint(answer.action).value_or(0));
    }
    return answer;
}

RefusalWords refusal_words(std::string_view text, std::string_view dsn, std::string_view fallback) {
    const auto split = split_dsn(text, *DsnCode::parse(dsn));
    return {split.code.to_string(), std::string(split.text.empty() ? fallback : split.text)};
}

}  // namespace relais::smtp
