// Looks for texts in many messages at once, in threads: reading files one after another would
// keep all but one processor idle, and the other sessions of the process waiting.
#pragma once

#include <optional>
#include <vector>

#include "lib/access/message_text.h"
#include "lib/event/loop.h"
#include "lib/store/mailbox.h"

namespace relais {

// For each of the texts, whether the message contains it.
using TextAnswers = std::vector<bool>;

// The answers for each message, in their order; nothing for one that cannot be read (any longer, or
// where it was).
[[nodiscard]] Task<std::vector<std::optional<TextAnswers>>> search_texts(
    std::vector<Mailbox::Reading> messages, const std::vector<SoughtText>& sought);

}  // namespace relais
