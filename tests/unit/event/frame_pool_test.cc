#include "lib/event/frame_pool.h"

#include <vector>

#include <malloc.h>

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("event/frame_pool: what was given back serves the next of about that size") {
    FramePool pool;
    void* first = pool.take(200);
    pool.give_back(first, 200);
    void* other = pool.take(300);
    CHECK(other != first);
    CHECK(pool.take(193) == first);
    ::operator delete(first);
    ::operator delete(other);
}

TEST_CASE("event/frame_pool: a crowd that has gone leaves little behind") {
    constexpr std::size_t kCrowd = 1000;
    constexpr std::size_t kKept = 16;
    FramePool pool;
    std::vector<void*> frames;
    frames.reserve(kCrowd);
    const auto before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kCrowd; ++i) {
        frames.push_back(pool.take(i % 2 == 0 ? 500 : 2000));
    }
    for (std::size_t i = 0; i < kCrowd; ++i) {
        pool.give_back(frames[i], i % 2 == 0 ? 500 : 2000);
    }
    // Of 250 KB in small frames; the C library keeps a few for itself.
    CHECK(::mallinfo2().uordblks < before + 16384);
    for (std::size_t i = 0; i < kKept; ++i) {
        ::operator delete(pool.take(500));
    }
}
