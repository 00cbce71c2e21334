// Lines on their way to a log reader that is slow, or takes none.
#include "lib/base/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log_urgent.h"
#include "lib/base/unique_fd.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

// The reader's end: a datagram socket at a path of its own.
class Reader {
  public:
    Reader()
        : path_(std::filesystem::temp_directory_path() /
                ("log" + std::to_string(::getpid()) + ".socket")),
          socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        std::filesystem::remove(path_);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        LogOptions options;
        options.tag = "test";
        options.postlog_socket = path_.string();
        options.postlog_host = "here";
        log_open(options);
    }

    ~Reader() {
        LogOptions options;
        options.to_syslog = false;
        log_open(options);
        std::filesystem::remove(path_);
    }

    // What comes until nothing has come for `patience`.
    std::vector<std::string> read_all(std::chrono::milliseconds patience) {
        timeval wait{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        std::vector<std::string> lines;
        std::string line(4096, '\0');
        ssize_t size = 0;
        while ((size = ::recv(socket_.get(), line.data(), line.size(), 0)) > 0) {
            lines.push_back(line.substr(0, static_cast<std::size_t>(size)));
        }
        return lines;
    }

  private:
    std::filesystem::path path_;
    UniqueFd socket_;
};

constexpr int kBurst = 10000;  // more than wait in memory

}  // namespace

TEST_CASE("base/log: a burst waits for its reader") {
    Reader reader;
    std::vector<std::string> lines;
    std::thread reading([&] {
        std::this_thread::sleep_for(300ms);
        lines = reader.read_all(1000ms);
    });
    for (int i = 0; i < kBurst; ++i) {
        log_info("line {}", i);
    }
    log_flush(5000);
    reading.join();
    REQUIRE(lines.size() == kBurst);
    CHECK(lines.front().ends_with("test[" + std::to_string(::getpid()) + "]: line 0"));
    CHECK(lines.back().ends_with(": line 9999"));
}

TEST_CASE("base/log: a reader that hangs holds nobody up, and is told what it has missed") {
    Reader reader;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kBurst; ++i) {
        log_info("line {}", i);
    }
    CHECK(std::chrono::steady_clock::now() - start < 4s);
    std::vector<std::string> lines;
    std::thread reading([&] { lines = reader.read_all(1000ms); });
    log_flush(5000);
    log_info("the last line");
    log_flush(5000);
    reading.join();
    REQUIRE(lines.size() > 2);
    const auto lost = kBurst - (lines.size() - 2);
    CHECK(lost > 0);
    CHECK(lines[lines.size() - 2].ends_with(": warning: the log was not read for a while: " +
                                            std::to_string(lost) + " lines are lost"));
    CHECK(lines.back().ends_with(": the last line"));
}

TEST_CASE("log: a long line of a signal handler ends where the next begins") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const UniqueFd output(ends[0]);
    UniqueFd input(ends[1]);
    const UniqueFd before(::dup(STDERR_FILENO));
    LogOptions options;
    options.tag = "test";
    options.to_syslog = false;
    log_open(options);
    ::dup2(input.get(), STDERR_FILENO);
    log_urgent(std::string(600, 'x'));
    log_urgent("next");
    ::dup2(before.get(), STDERR_FILENO);
    input.reset();
    const std::string text = read_all(output.get()).value_or("");
    CHECK(text.starts_with("test: warning: xxx"));
    CHECK(text.ends_with("x\ntest: warning: next\n"));
    CHECK(std::ranges::count(text, '\n') == 2);
}
