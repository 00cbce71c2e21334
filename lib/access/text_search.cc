#include "lib/access/text_search.h"

#include "lib/event/shares.h"

namespace relais {

namespace {

std::optional<TextAnswers> look(const Mailbox::Reading& reading,
                                const std::vector<SoughtText>& sought) {
    auto file = reading();
    if (!file) {
        return std::nullopt;
    }
    MessageText text(file->text);
    TextAnswers answers;
    answers.reserve(sought.size());
    for (const SoughtText& each : sought) {
        answers.push_back(text.contains(each));
    }
    return answers;
}

}  // namespace

Task<std::vector<std::optional<TextAnswers>>> search_texts(std::vector<Mailbox::Reading> messages,
                                                           const std::vector<SoughtText>& sought) {
    std::vector<std::optional<TextAnswers>> answers(messages.size());
    ShareOfWork work = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            answers[i] = look(messages[i], sought);
        }
    };
    co_await run_in_shares(messages.size(), std::move(work));
    co_return answers;
}

}  // namespace relais
