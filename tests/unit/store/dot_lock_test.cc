// Lock files: leftovers go at once, fresh locks never.
#include "lib/store/dot_lock.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/mailbox_lock.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

struct Scratch : TemporaryDirectory {
    void leave(const std::string& text, int age = 0) const {
        std::ofstream(lock) << text;
        timespec then{::time(nullptr) - age, 0};
        const timespec times[] = {then, then};
        ::utimensat(AT_FDCWD, lock.c_str(), times, 0);
    }

    std::string lock = path("list.lock");
};

std::string host() {
    char name[256] = "";
    ::gethostname(name, sizeof(name) - 1);
    return name;
}

// The number of a process that was there.
std::string dead_pid() {
    pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    return std::to_string(child);
}

// Two tries: one that finds a leftover, one after it.
bool can_lock(const std::string& path) {
    return DotLock::attempt(path, {}).has_value() || DotLock::attempt(path, {}).has_value();
}

// Takes the lock until `rounds` are done, and notes whenever somebody else is inside too.
[[noreturn]] void fight(const Scratch& scratch, int rounds) {
    std::string inside = scratch.path() + "/inside";
    for (int done = 0; done < rounds;) {
        auto lock = DotLock::attempt(scratch.lock, {});
        if (!lock) {
            ::usleep(20);
            continue;
        }
        ++done;
        int fd = ::open(inside.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0) {
            ::_exit(1);
        }
        ::close(fd);
        ::usleep(50);
        ::unlink(inside.c_str());
        if (done % 2 == 0) {
            // What a process leaves that is killed now; whoever comes next finds a dead one's lock.
            std::ofstream(scratch.lock, std::ios::trunc) << "2147483646:" << host();
            new DotLock(std::move(*lock));  // never released
        }
    }
    ::_exit(0);
}

}  // namespace

TEST_CASE("store/dotlock: one holder, who is told in the file") {
    Scratch scratch;
    {
        auto lock = DotLock::attempt(scratch.lock, {});
        REQUIRE(lock);
        CHECK(read_file(scratch.lock) == std::to_string(::getpid()) + ":" + host());
        auto second = DotLock::attempt(scratch.lock, {});
        REQUIRE_FALSE(second);
        CHECK(second.error().sys_errno == EEXIST);
        CHECK(fs::exists(scratch.lock));
    }
    CHECK(fs::is_empty(scratch.path()));
}

TEST_CASE("store/dotlock: which locks are leftovers") {
    struct Case {
        std::string text;
        int age;
        bool leftover;
    };

    const std::string here = ":" + host();
    for (const Case& each :
         {Case{dead_pid() + here, 0, true}, Case{dead_pid() + here + "\n", 0, true},
          Case{std::to_string(::getpid()) + here, 0, true},  // a former process's
          Case{std::to_string(::getppid()) + here, 0, false},
          Case{std::to_string(::getppid()) + here, 200, true},
          Case{dead_pid() + ":elsewhere.test", 0, false},
          Case{dead_pid() + ":elsewhere.test", 200, true}, Case{dead_pid(), 0, false},
          Case{"-1" + here, 0, false}, Case{"0" + here, 0, false},
          Case{"99999999999" + here, 0, false}, Case{"", 60, false}, Case{"", 200, true}}) {
        Scratch scratch;
        scratch.leave(each.text, each.age);
        INFO("'" << each.text << "', " << each.age << " s old");
        CHECK(can_lock(scratch.lock) == each.leftover);
    }
}

TEST_CASE("store/dotlock: what is no file is no leftover before its time") {
    Scratch scratch;
    REQUIRE(::mkfifo(scratch.lock.c_str(), 0600) == 0);
    CHECK_FALSE(can_lock(scratch.lock));
    fs::remove(scratch.lock);
    fs::create_symlink("/dev/null", scratch.lock);
    CHECK_FALSE(can_lock(scratch.lock));
}

TEST_CASE("store/dotlock: while one process removes a leftover, no other does") {
    Scratch scratch;
    scratch.leave(dead_pid() + ":" + host());
    int fd = ::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(::flock(fd, LOCK_EX) == 0);
    CHECK_FALSE(can_lock(scratch.lock));
    CHECK(fs::exists(scratch.lock));
    ::close(fd);
    CHECK(can_lock(scratch.lock));
}

TEST_CASE("store/dotlock: processes that find the same leftover do not take each other's locks") {
    Scratch scratch;
    scratch.leave("2147483646:" + host());
    std::vector<pid_t> children;
    for (int i = 0; i < 5; ++i) {
        pid_t child = ::fork();
        if (child == 0) {
            ::alarm(30);
            fight(scratch, 200);
        }
        children.push_back(child);
    }
    for (pid_t child : children) {
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
    }
}

TEST_CASE("store/dotlock: who held it too long does not remove the lock of the next") {
    Scratch scratch;
    const DotLockRule impatient{LockContent::kOwner, 0644, std::chrono::seconds(0)};
    auto slow = DotLock::attempt(scratch.lock, impatient);
    REQUIRE(slow);
    fs::remove(scratch.lock);
    std::ofstream(scratch.lock) << "another";
    {
        DotLock ends = std::move(*slow);
    }
    CHECK(read_file(scratch.lock) == "another");
}

TEST_CASE("store/dotlock: a dead process's lock of a uidlist is no hindrance") {
    Scratch scratch;
    scratch.leave(dead_pid() + ":" + host());
    auto start = std::chrono::steady_clock::now();
    auto lock = Loop::current().run_task(MailboxLock::acquire(scratch.path() + "/list"));
    CHECK(lock);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}
