#include "lib/queue/queue_id.h"

#include "lib/queue/queue_dirs.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("queue/queue_id: forms as Postfix makes them") {
    // Observed on Postfix 3.7.11 (reference, queue-file.md section 8).
    CHECK(make_queue_id(QueueIdForm::kShort, {1795247898, 0x62D97}, 0xA84925) == "62D97A84925");
    CHECK(make_queue_id(QueueIdForm::kShort, {0, 1}, 0xABC) == "00001ABC");
    CHECK(make_queue_id(QueueIdForm::kLong, {1795248566, 374009}, 11028771) == "4jWlGt2fJTz1c7BP");
}

TEST_CASE("queue/queue_id: parts are read back") {
    CHECK(is_long_queue_id("4jWlGt2fJTz1c7BP"));
    CHECK_FALSE(is_long_queue_id("62D97A84925"));
    CHECK(queue_id_inode("4jWlGt2fJTz1c7BP") == 11028771);
    CHECK(queue_id_inode("62D97A84925") == 0xA84925);
    CHECK_FALSE(queue_id_inode("62D97"));
    CHECK_FALSE(queue_id_inode("62D97A8492G"));
    CHECK(queue_id_hex_microseconds("4jWlGt2fJTz1c7BP") == "5B4F9");
    CHECK(queue_id_with_inode("62D97A84925", QueueIdForm::kShort, 0xFF) == "62D97FF");
    CHECK(queue_id_with_inode("4jWlGt2fJTz1c7BP", QueueIdForm::kShort, 0xFF) == "5B4F9FF");
    CHECK(queue_id_with_inode("4jWlGt2fJTz1c7BP", QueueIdForm::kLong, 0) == "4jWlGt2fJTz0");
}

TEST_CASE("queue/queue_id: only harmless names are valid") {
    CHECK(valid_queue_id("62D97A84925"));
    CHECK(valid_queue_id("a_b"));
    CHECK_FALSE(valid_queue_id(""));
    CHECK_FALSE(valid_queue_id("../etc"));
    CHECK_FALSE(valid_queue_id("a/b"));
    CHECK_FALSE(valid_queue_id(std::string(256, 'a')));
    CHECK(valid_queue_name("deferred"));
    CHECK_FALSE(valid_queue_name("de.ferred"));
}

TEST_CASE("queue/queue_dirs: hashed queues") {
    QueueDirs dirs({"deferred", "DEFER"}, 1, QueueIdForm::kShort);
    CHECK(dirs.path("deferred", "62D97A84925") == "deferred/6/62D97A84925");
    CHECK(dirs.path("defer", "62D97A84925") == "defer/6/62D97A84925");
    CHECK(dirs.path("incoming", "62D97A84925") == "incoming/62D97A84925");
    CHECK(dirs.path("deferred", "4jWlGt2fJTz1c7BP") == "deferred/5/4jWlGt2fJTz1c7BP");
    QueueDirs deep({"deferred"}, 4, QueueIdForm::kShort);
    CHECK(deep.path("deferred", "AB") == "deferred/A/B/_/_/AB");
}
