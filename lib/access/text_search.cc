#include "lib/access/text_search.h"

#include <algorithm>
#include <span>
#include <thread>

#include "lib/event/blocking.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr std::size_t kMaxThreads = 4;

// What one thread does.
struct Share {
    std::span<const Mailbox::Reading> messages;
    std::span<std::optional<TextAnswers>> answers;
    const std::vector<SoughtText>& sought;

    void look() const {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            auto file = messages[i]();
            if (!file) {
                continue;
            }
            MessageText text(file->text);
            TextAnswers& answer = answers[i].emplace();
            for (const SoughtText& each : sought) {
                answer.push_back(text.contains(each));
            }
        }
    }
};

Task<void> look_in_thread(Share share) {
    auto look = [share] { share.look(); };
    co_await run_blocking(std::move(look));
}

std::size_t thread_count() {
    static const std::size_t count =
        std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
    return count;
}

}  // namespace

Task<std::vector<std::optional<TextAnswers>>> search_texts(std::vector<Mailbox::Reading> messages,
                                                           const std::vector<SoughtText>& sought) {
    std::vector<std::optional<TextAnswers>> answers(messages.size());
    TaskGroup threads;
    std::size_t size = (messages.size() + thread_count() - 1) / thread_count();
    for (std::size_t begin = 0; begin < messages.size(); begin += size) {
        std::size_t count = std::min(size, messages.size() - begin);
        threads.spawn(look_in_thread({std::span(messages).subspan(begin, count),
                                      std::span(answers).subspan(begin, count), sought}));
    }
    co_await threads.join_or_close();
    co_return answers;
}

}  // namespace relais
