// Delivery into Maildirs and mbox files.
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/safe_open.h"
#include "lib/store/maildir_delivery.h"
#include "lib/store/mbox_delivery.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

Result<void> write_hello(FileSink& sink) {
    sink.write("Subject: x\n");
    sink.write("\nhello\n");
    return {};
}

Result<void> write_and_fail(FileSink& sink) {
    sink.write("half a mess");
    return fail(Errc::kTemporary, "the queue file is torn");
}

MailboxLocks all_locks() {
    return {.dotlock = true, .fcntl = true, .flock = true};
}

LockPatience hurried() {
    return {
        .attempts = 2, .delay = std::chrono::milliseconds(1), .stale = std::chrono::seconds(500)};
}

}  // namespace

TEST_CASE("store/maildir: a message appears whole in new/, and the directories are made") {
    TemporaryDirectory scratch;
    auto made = deliver_maildir({scratch.path("a/b/"), "mx/1:2", DirectorySync::kYes}, write_hello);
    REQUIRE(made);
    CHECK(made->size == 18);
    CHECK(read_file(made->path) == "Subject: x\n\nhello\n");
    CHECK(made->path.starts_with(scratch.path("a/b/new/")));
    CHECK(made->path.ends_with(".mx\\0571\\0722"));
    CHECK(fs::is_empty(scratch.path("a/b/tmp")));
    CHECK(fs::is_empty(scratch.path("a/b/cur")));
    struct stat status;
    REQUIRE(::stat(made->path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("store/maildir: a failed delivery leaves nothing behind") {
    TemporaryDirectory scratch;
    auto made = deliver_maildir({scratch.path("m"), "mx", DirectorySync::kNo}, write_and_fail);
    REQUIRE_FALSE(made);
    CHECK(made.error().message == "the queue file is torn");
    CHECK(fs::is_empty(scratch.path("m/tmp")));
    CHECK(fs::is_empty(scratch.path("m/new")));
}

TEST_CASE("store/maildir: several messages are written before one of them is seen") {
    TemporaryDirectory scratch;
    MaildirTarget target{scratch.path("m"), "mx", DirectorySync::kNo};
    auto first = MaildirMessage::write(target, write_hello);
    auto second = MaildirMessage::write(target, write_hello);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(fs::is_empty(scratch.path("m/new")));
    first->start_sync();
    REQUIRE(first->sync());
    auto made = first->publish();
    REQUIRE(made);
    CHECK(read_file(made->path) == "Subject: x\n\nhello\n");
    {
        MaildirMessage given_up = std::move(*second);
    }
    CHECK(fs::is_empty(scratch.path("m/tmp")));
    CHECK(std::distance(fs::directory_iterator(scratch.path("m/new")), {}) == 1);
}

TEST_CASE("store/maildir: a path that is no directory names the file and the cause") {
    TemporaryDirectory scratch;
    REQUIRE(replace_file(scratch.path("file"), "x", 0600));
    auto made = deliver_maildir({scratch.path("file"), "mx", DirectorySync::kNo}, write_hello);
    REQUIRE_FALSE(made);
    CHECK(made.error().sys_errno == ENOTDIR);
    CHECK(made.error().message.starts_with("create maildir file " + scratch.path("file/tmp/")));
}

TEST_CASE("store/mbox: appends under locks and removes its lock file") {
    TemporaryDirectory scratch;
    MboxTarget target{.path = scratch.path("box"),
                      .locks = all_locks(),
                      .patience = hurried(),
                      .owner = std::nullopt};
    REQUIRE(deliver_mbox(target, write_hello));
    REQUIRE(deliver_mbox(target, write_hello));
    CHECK(read_file(target.path) == "Subject: x\n\nhello\nSubject: x\n\nhello\n");
    CHECK_FALSE(fs::exists(scratch.path("box.lock")));
}

TEST_CASE("store/mbox: a failed write is cut off again") {
    TemporaryDirectory scratch;
    MboxTarget target{.path = scratch.path("box"),
                      .locks = all_locks(),
                      .patience = hurried(),
                      .owner = std::nullopt};
    REQUIRE(deliver_mbox(target, write_hello));
    REQUIRE_FALSE(deliver_mbox(target, write_and_fail));
    CHECK(read_file(target.path) == "Subject: x\n\nhello\n");
}

TEST_CASE("store/mbox: somebody else's lock defers, a stale one is removed") {
    TemporaryDirectory scratch;
    MboxTarget target{.path = scratch.path("box"),
                      .locks = all_locks(),
                      .patience = hurried(),
                      .owner = std::nullopt};
    REQUIRE(replace_file(scratch.path("box.lock"), "", 0600));
    auto outcome = deliver_mbox(target, write_hello);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == Errc::kTemporary);
    CHECK(outcome.error().sys_errno == EEXIST);
    target.patience.stale = std::chrono::seconds(-1);
    CHECK(deliver_mbox(target, write_hello));
}

TEST_CASE("store/mbox: lock lists are parsed, unknown methods named") {
    auto locks = parse_mailbox_locks("p", "fcntl, dotlock");
    REQUIRE(locks);
    CHECK(locks->fcntl);
    CHECK(locks->dotlock);
    CHECK_FALSE(locks->flock);
    CHECK_FALSE(parse_mailbox_locks("p", "fcntl, lockf"));
}

TEST_CASE("base/safe_open: refuses hard links, foreign symbolic links and directories") {
    TemporaryDirectory scratch;
    std::string file = scratch.path("file");
    REQUIRE(replace_file(file, "x", 0600));
    CHECK(safe_open(file, O_RDONLY, 0));
    REQUIRE(::symlink(file.c_str(), scratch.path("sym").c_str()) == 0);
    if (::geteuid() != 0) {
        CHECK_FALSE(safe_open(scratch.path("sym"), O_RDONLY, 0));
    }
    REQUIRE(::link(file.c_str(), scratch.path("hard").c_str()) == 0);
    auto refused = safe_open(file, O_RDONLY, 0);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "file has 2 hard links");
    CHECK_FALSE(safe_open(scratch.path(""), O_RDONLY, 0));
    auto missing = safe_open(scratch.path("none"), O_RDONLY, 0);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().sys_errno == ENOENT);
    CHECK(safe_open(scratch.path("none"), O_WRONLY | O_CREAT, 0600));
}
