// Looks for texts in many messages at once, in threads: reading files one after another would
// keep all but one processor idle, and the other sessions of the process waiting.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/access/message_text.h"
#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/store/mailbox.h"

namespace relais {

// For each of the texts, whether the message contains it.
using TextAnswers = std::vector<bool>;

// The answers for each message, relative paths in the mailbox's directory, in their order; nothing
// for one that cannot be read (any longer, or under this name).
[[nodiscard]] Task<Result<std::vector<std::optional<TextAnswers>>>> search_texts(
    Mailbox& box, std::vector<std::string> paths, const std::vector<SoughtText>& sought);

}  // namespace relais
