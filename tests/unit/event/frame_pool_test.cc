#include "lib/event/frame_pool.h"

#include <vector>

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
    FramePool pool;
    std::vector<void*> small;
    std::vector<void*> large;
    for (int i = 0; i < 1000; ++i) {
        small.push_back(pool.take(500));
        large.push_back(pool.take(2000));
    }
    for (std::size_t i = 0; i < small.size(); ++i) {
        pool.give_back(small[i], 500);
        pool.give_back(large[i], 2000);  // which are never kept
    }
    CHECK(pool.kept_for(500) == 16);
    while (pool.kept_for(500) > 0) {
        ::operator delete(pool.take(500));
    }
}
