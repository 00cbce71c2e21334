// Reads the files of a queue many at a time on helper threads: what the disk makes one wait for
// overlaps, all processors help, and the loop serves others meanwhile.  The memory that this takes
// does not depend on their number.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/event/blocking.h"
#include "lib/event/task_group.h"
#include "lib/queue/queue_id.h"
#include "lib/queue/queue_scan.h"

namespace relais {

enum class SurveyOf { kMessages, kEveryFile };  // kMessages: whatever has a queue id for a name

// R: what is made of a file; it has a default.
template <class R>
class QueueSurvey {
  public:
    // Called on several threads at once: it may touch nothing but the files, and does not log.
    using Look = std::function<R(const QueueScan::Entry& entry)>;

    static Result<QueueSurvey> open(const std::string& queue, Look look,
                                    SurveyOf what = SurveyOf::kMessages) {
        auto scan = QueueScan::open(queue);
        if (!scan) {
            return fail_with(scan);
        }
        return QueueSurvey(std::move(*scan), std::move(look), what);
    }

    // Of the next files, in the order of the directories; empty at the end.
    [[nodiscard]] Task<std::vector<R>> next() {
        std::vector<QueueScan::Entry> entries = next_entries();
        std::vector<R> results(entries.size());
        TaskGroup readers;
        for (std::size_t from = 0; from < entries.size(); from += kEach) {
            std::size_t count = std::min(kEach, entries.size() - from);
            readers.spawn(read(std::span(entries).subspan(from, count), results.data() + from));
        }
        co_await readers.join_or_close();
        co_return results;
    }

    // Directories that could not be read so far.
    const std::vector<Error>& troubles() const { return scan_.troubles(); }

  private:
    static constexpr std::size_t kReaders = 4;
    static constexpr std::size_t kEach = 128;

    QueueSurvey(QueueScan scan, Look look, SurveyOf what)
        : scan_(std::move(scan)), look_(std::move(look)), what_(what) {}

    std::vector<QueueScan::Entry> next_entries() {
        std::vector<QueueScan::Entry> entries;
        while (entries.size() < kReaders * kEach) {
            auto entry = scan_.next();
            if (!entry) {
                break;
            }
            if (what_ == SurveyOf::kEveryFile || valid_queue_id(entry->name)) {
                entries.push_back(std::move(*entry));
            }
        }
        return entries;
    }

    Task<void> read(std::span<const QueueScan::Entry> entries, R* results) {
        co_await run_blocking(
            [this, entries, results] { std::ranges::transform(entries, results, look_); });
    }

    QueueScan scan_;
    Look look_;
    SurveyOf what_;
};

}  // namespace relais
