#include "lib/access/text_search.h"

#include <algorithm>
#include <span>
#include <thread>

#include <fcntl.h>

#include "lib/access/message_file.h"
#include "lib/base/file.h"
#include "lib/event/blocking.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr std::size_t kMaxThreads = 4;

// What one thread does.
struct Share {
    int directory;
    std::span<const std::string> paths;
    std::span<std::optional<TextAnswers>> answers;
    const std::vector<SoughtText>& sought;

    void look() const {
        for (std::size_t i = 0; i < paths.size(); ++i) {
            auto file = MessageFile::open(directory, paths[i]);
            if (!file) {
                continue;
            }
            MessageText text(file->text());
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

Task<Result<std::vector<std::optional<TextAnswers>>>> search_texts(
    Mailbox& box, std::vector<std::string> paths, const std::vector<SoughtText>& sought) {
    // A descriptor of our own: the mailbox's may be closed meanwhile.
    auto directory = open_file(box.place().directory, O_RDONLY | O_DIRECTORY);
    if (!directory) {
        co_return fail_with(directory);
    }
    std::vector<std::optional<TextAnswers>> answers(paths.size());
    TaskGroup threads;
    std::size_t size = (paths.size() + thread_count() - 1) / thread_count();
    for (std::size_t begin = 0; begin < paths.size(); begin += size) {
        std::size_t count = std::min(size, paths.size() - begin);
        threads.spawn(look_in_thread({directory->get(), std::span(paths).subspan(begin, count),
                                      std::span(answers).subspan(begin, count), sought}));
    }
    // Not join(): who is cancelled must not leave while the threads work for him.
    co_await threads.close();
    co_return answers;
}

}  // namespace relais
