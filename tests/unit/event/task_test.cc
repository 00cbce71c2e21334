#include "lib/event/task.h"

#include <string>
#include <thread>

#include <sys/socket.h>

#include "lib/base/effective_ids.h"
#include "lib/event/blocking.h"
#include "lib/event/child.h"
#include "lib/event/loop.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

Task<int> plus_one(int n) {
    co_return n + 1;
}

Task<long> count_to(long limit) {
    long sum = 0;
    for (long i = 0; i < limit; ++i) {
        sum += co_await plus_one(0);
    }
    co_return sum;
}

Task<int> thrower() {
    throw std::runtime_error("boom");
    co_return 0;
}

Task<std::string> catcher() {
    try {
        co_await thrower();
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "nothing";
}

}  // namespace

TEST_CASE("event/task: a million synchronous completions do not grow the stack") {
    CHECK(Loop::current().run_task(count_to(1'000'000)) == 1'000'000);
}

TEST_CASE("event/task: exceptions travel to the awaiter") {
    CHECK(Loop::current().run_task(catcher()) == "boom");
}

namespace {

Task<int> sleeper(std::chrono::milliseconds time, int* finished) {
    co_await sleep_for(time);
    ++*finished;
    co_return 7;
}

Task<bool> outlasts(std::chrono::milliseconds limit, std::chrono::milliseconds time,
                    int* finished) {
    auto result = co_await with_timeout(limit, sleeper(time, finished));
    co_return result.has_value();
}

}  // namespace

TEST_CASE("event/task: with_timeout cancels what takes too long") {
    int finished = 0;
    CHECK(Loop::current().run_task(outlasts(5ms, 10s, &finished)) == false);
    CHECK(finished == 0);
    CHECK(Loop::current().run_task(outlasts(10s, 1ms, &finished)) == true);
    CHECK(finished == 1);
}

namespace {

Task<void> mark_when_cancelled(bool* cancelled) {
    try {
        co_await sleep_for(1h);
    } catch (const Cancelled&) {
        *cancelled = true;
        throw;
    }
}

Task<void> cancel_a_group(bool* cancelled) {
    TaskGroup group;
    group.spawn(mark_when_cancelled(cancelled));
    co_await yield();
    co_await group.close();
    CHECK(group.empty());
}

Task<void> waits_after_cancel(int* steps) {
    try {
        co_await sleep_for(1h);
    } catch (const Cancelled&) {
        ++*steps;
    }
    try {
        co_await sleep_for(1h);
    } catch (const Cancelled&) {
        ++*steps;
    }
    co_await shielded(sleep_for(1ms));
    ++*steps;
}

Task<void> cancel_stays(int* steps) {
    TaskGroup group;
    group.spawn(waits_after_cancel(steps));
    co_await group.close();
}

}  // namespace

TEST_CASE("event/task_group: close cancels and joins") {
    bool cancelled = false;
    Loop::current().run_task(cancel_a_group(&cancelled));
    CHECK(cancelled);
}

TEST_CASE("event/task_group: a cancelled scope stays cancelled, but for what is shielded") {
    int steps = 0;
    Loop::current().run_task(cancel_stays(&steps));
    CHECK(steps == 3);
}

namespace {

Task<void> worker(Semaphore* semaphore, int* inside, int* most) {
    auto place = co_await semaphore->take();
    *most = std::max(*most, ++*inside);
    co_await yield();
    --*inside;
}

Task<int> most_at_once() {
    Semaphore semaphore(3);
    int inside = 0;
    int most = 0;
    TaskGroup group;
    for (int i = 0; i < 20; ++i) {
        group.spawn(worker(&semaphore, &inside, &most));
    }
    co_await group.join();
    co_return most;
}

Task<void> take_and_tell(Semaphore* semaphore, bool* taken) {
    auto place = co_await semaphore->take();
    *taken = true;
}

struct Takers {
    bool first = false;
    bool second = false;
};

// The first in the queue is cancelled, and has not run since, when the place becomes free.
Task<Takers> place_after_a_cancelled_wait() {
    Semaphore semaphore(1);
    Takers takers;
    TaskGroup cancelled;
    TaskGroup others;
    {
        auto place = co_await semaphore.take();
        cancelled.spawn(take_and_tell(&semaphore, &takers.first));
        others.spawn(take_and_tell(&semaphore, &takers.second));
        co_await yield();
        cancelled.cancel();
    }
    co_await sleep_for(20ms);
    bool second = takers.second;  // by itself: closing would cancel it
    co_await cancelled.close();
    co_await others.close();
    takers.second = second;
    co_return takers;
}

Task<int> sum_of(Channel<int>* channel) {
    int sum = 0;
    while (auto value = co_await channel->pop()) {
        sum += *value;
    }
    co_return sum;
}

Task<void> produce(Channel<int>* channel) {
    for (int i = 1; i <= 100; ++i) {
        channel->push(i);
        co_await yield();
    }
    channel->close();
}

Task<int> channel_sum() {
    Channel<int> channel;
    TaskGroup group;
    group.spawn(produce(&channel));
    int sum = co_await sum_of(&channel);
    co_await group.join();
    co_return sum;
}

}  // namespace

TEST_CASE("event/sync: a semaphore lets in as many as it has places") {
    CHECK(Loop::current().run_task(most_at_once()) == 3);
}

TEST_CASE("event/sync: a place goes past those who were cancelled") {
    Takers takers = Loop::current().run_task(place_after_a_cancelled_wait());
    CHECK_FALSE(takers.first);
    CHECK(takers.second);
}

TEST_CASE("event/sync: a channel keeps order and ends") {
    CHECK(Loop::current().run_task(channel_sum()) == 5050);
}

namespace {

Task<void> block_one(std::chrono::milliseconds time, int* done) {
    co_await run_blocking([time] { std::this_thread::sleep_for(time); });
    ++*done;
}

Task<int> block_many(int count) {
    TaskGroup group;
    int done = 0;
    for (int i = 0; i < count; ++i) {
        group.spawn(block_one(20ms, &done));
    }
    co_await group.join();
    co_return done;
}

Task<int> blocking_value() {
    co_return co_await run_blocking([] { return 42; });
}

Task<ChildStatus> run_child(std::vector<std::string> argv) {
    ChildSpec spec;
    spec.argv = std::move(argv);
    auto child = Child::start(spec);
    REQUIRE(child);
    auto status = co_await child->wait(Deadline::after(10s));
    co_return status;
}

}  // namespace

TEST_CASE("event/blocking: calls overlap and bring their values back") {
    auto start = std::chrono::steady_clock::now();
    CHECK(Loop::current().run_task(block_many(8)) == 8);
    CHECK(std::chrono::steady_clock::now() - start < 120ms);
    CHECK(Loop::current().run_task(blocking_value()) == 42);
}

TEST_CASE("event/child: who is acting as a user leaves no way back to root to a child") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    // real, effective, saved and file system ids
    const std::string seen =
        R"sh(test "$(grep -E '^[UG]id:' /proc/self/status | tr '\n\t' '  ')" = )sh";
    const std::string users = "'Uid: 12345 12345 12345 12345 Gid: 12346 12346 12346 12346 '";
    const gid_t own_gid = ::getegid();
    REQUIRE(set_effective_gid(12346));
    REQUIRE(set_effective_uid(12345));
    auto status = Loop::current().run_task(run_child({"/bin/sh", "-c", seen + users}));
    REQUIRE(set_effective_uid(0));
    REQUIRE(set_effective_gid(own_gid));
    CHECK(status.ok());
}

TEST_CASE("event/child: exit statuses and signals are told apart") {
    auto& loop = Loop::current();
    CHECK(loop.run_task(run_child({"/bin/sh", "-c", "exit 3"})).exit_status == 3);
    CHECK(loop.run_task(run_child({"/bin/sh", "-c", "kill -9 $$"})).signal == 9);
    CHECK(loop.run_task(run_child({"/bin/true"})).ok());
    CHECK(loop.run_task(run_child({"/nonexistent"})).exit_status == 127);
}
