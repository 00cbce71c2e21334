#include "lib/queue/queue_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/queue/queue_scan.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// A queue directory of its own, entered.
class TemporaryQueue {
  public:
    TemporaryQueue() {
        char name[] = "/tmp/queue_test.XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
        before_ = std::filesystem::current_path();
        std::filesystem::current_path(path_);
        std::filesystem::create_directory("incoming");
    }

    ~TemporaryQueue() {
        std::filesystem::current_path(before_);
        std::filesystem::remove_all(path_);
    }

    QueueDirs dirs{{"deferred"}, 2, QueueIdForm::kShort};

  private:
    std::filesystem::path path_;
    std::filesystem::path before_;
};

mode_t mode_of(const std::string& path) {
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777;
}

}  // namespace

TEST_CASE("queue/queue_file: becomes a message only by commit") {
    TemporaryQueue queue;
    auto file = NewQueueFile::create(queue.dirs, "incoming", kModeIncomplete);
    REQUIRE(file);
    struct stat info{};
    REQUIRE(::stat(file->path().c_str(), &info) == 0);
    CHECK(queue_id_inode(file->id()) == info.st_ino);
    CHECK(mode_of(file->path()) == 0600);
    REQUIRE(file->put(Rec::kSize, std::string(kSizeRecordLength, ' ')));
    REQUIRE(file->put(Rec::kSender, "a@b"));
    CHECK(file->offset() == 97 + 5);
    std::string size;
    append_record(size, Rec::kSize, format_size_record({1, 2, 3, 0, 1, 0}));
    REQUIRE(file->overwrite(0, size));
    CHECK(open_queue_file(file->path(), QueueLock::kShared).error().code == Errc::kCorrupt);
    REQUIRE(file->commit(kModeReady));
    CHECK(mode_of(file->path()) == 0700);
    CHECK(read_file(file->path()) == size +
                                         "S\x03"
                                         "a@b");
}

TEST_CASE("queue/queue_file: overwrites across what is written and what waits") {
    TemporaryQueue queue;
    auto file = NewQueueFile::create(queue.dirs, "incoming", kModeIncomplete);
    REQUIRE(file->put_encoded("0123456789"));
    REQUIRE(file->flush());
    REQUIRE(file->put_encoded("abcdef"));
    REQUIRE(file->overwrite(8, "WXYZ"));
    REQUIRE(file->overwrite(0, "A"));
    REQUIRE(file->overwrite(14, "EF"));
    REQUIRE(file->commit(kModeReady));
    CHECK(read_file(file->path()) == "A1234567WXYZcdEF");
}

TEST_CASE("queue/queue_file: locks, done marks and other updates") {
    TemporaryQueue queue;
    auto file = NewQueueFile::create(queue.dirs, "incoming", kModeIncomplete);
    REQUIRE(file->put(Rec::kRecipient, "a@b"));
    REQUIRE(file->put(Rec::kWarnTime, "     1795262914"));
    REQUIRE(file->put_attribute("trace_flags", "1024"));
    std::string path = file->path();
    REQUIRE(file->commit(kModeReady));
    auto shared = open_queue_file(path, QueueLock::kShared);
    REQUIRE(shared);
    CHECK(open_queue_file(path, QueueLock::kShared));
    CHECK(open_queue_file(path, QueueLock::kExclusive).error().code == Errc::kTemporary);
    REQUIRE(mark_recipient_done(shared->get(), 0));
    REQUIRE(rewrite_warning_time(shared->get(), 5, -1));
    REQUIRE(kill_record(shared->get(), 22));
    CHECK(read_file(path) ==
          "D\x03"
          "a@bW\x0f             -1K\x10trace_flags=1024");
    REQUIRE(mark_corrupt(shared->get()));
    CHECK(queue_file_status(path)->corrupt_mark());
    CHECK_FALSE(queue_file_status(path)->ready());
    shared->reset();
    CHECK(open_queue_file("incoming/none", QueueLock::kShared).error().code == Errc::kNotFound);
}

TEST_CASE("queue/queue_file: a look at a file leaves no trace in its inode") {
    TemporaryQueue queue;
    auto file = NewQueueFile::create(queue.dirs, "incoming", kModeIncomplete);
    REQUIRE(file->put(Rec::kRecipient, "a@b"));
    std::string path = file->path();
    CHECK(look_at_queue_file(path).error().code == Errc::kCorrupt);
    REQUIRE(file->commit(kModeReady));
    // As in the deferred queue: a time of reading before that of the last change is brought up to
    // date by any reader.
    const timespec times[] = {{1000, 0}, {4'000'000'000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    auto seen = look_at_queue_file(path);
    REQUIRE(seen);
    CHECK(seen->status.info.st_size == 5);
    CHECK(read_all(seen->fd.get(), 100) ==
          "R\x03"
          "a@b");
    CHECK(queue_file_status(path)->info.st_atim.tv_sec == 1000);
    CHECK(look_at_queue_file("incoming/none").error().code == Errc::kNotFound);
}

TEST_CASE("queue/queue_scan: finds every file in hashed and flat queues") {
    TemporaryQueue queue;
    std::set<std::string> made;
    for (int i = 0; i < 40; ++i) {
        auto file = NewQueueFile::create(queue.dirs, "incoming", kModeIncomplete);
        REQUIRE(file);
        std::string id = file->id();
        REQUIRE(file->commit(kModeReady));
        REQUIRE(queue.dirs.move(id, "incoming", "deferred"));
        CHECK(std::filesystem::exists(queue.dirs.path("deferred", id)));
        made.insert(id);
    }
    CHECK(mode_of("deferred") == 0700);
    auto scan = QueueScan::open("deferred");
    REQUIRE(scan);
    std::set<std::string> found;
    while (auto entry = scan->next()) {
        found.insert(entry->name);
        CHECK(entry->path == queue.dirs.path("deferred", entry->name));
    }
    CHECK(found == made);
    REQUIRE(queue.dirs.remove("deferred", *made.begin()));
    CHECK(queue.dirs.remove("deferred", *made.begin()).error().sys_errno == ENOENT);
    CHECK(queue.dirs.move("0000000000", "incoming", "active").error().sys_errno == ENOENT);
    CHECK_FALSE(QueueScan::open("nosuch"));
    CHECK(scan->troubles().empty());
}

TEST_CASE("queue/queue_scan: what cannot be read is told, and the rest is seen") {
    TemporaryQueue queue;
    std::filesystem::create_directories("deferred/A");
    std::ofstream("deferred/A/first") << "x";
    std::ofstream("deferred/B") << "where a directory should be";
    auto scan = QueueScan::open("deferred");
    REQUIRE(scan);
    std::set<std::string> found;
    while (auto entry = scan->next()) {
        found.insert(entry->name);
    }
    CHECK(found == std::set<std::string>{"first"});
    REQUIRE(scan->troubles().size() == 1);
    CHECK(scan->troubles()[0].message == "open directory deferred/B: Not a directory");
}
