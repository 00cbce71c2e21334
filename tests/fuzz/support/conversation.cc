#include "tests/fuzz/support/conversation.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/event/stream.h"
#include "lib/event/task_group.h"

namespace relais::fuzz {

namespace {

class Scratch {
  public:
    Scratch() {
        std::filesystem::path memory = "/dev/shm";
        auto parent =
            std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        std::string name = parent / "relais-fuzz-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) {
            std::abort();
        }
        path_ = name;
    }

    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    ~Scratch() {
        std::error_code ignored;
        if (::getpid() == owner_) {
            std::filesystem::remove_all(path_, ignored);
        }
    }

    const std::string& path() const { return path_; }

  private:
    std::string path_;
    pid_t owner_ = ::getpid();
};

// How much of `size` bytes goes into one piece: all at once, byte by byte, or in between; in not
// too many pieces, each of which takes a turn of the loop.
std::size_t piece_size(std::size_t size) {
    constexpr std::array<std::size_t, 5> kSizes = {1 << 16, 1, 7, 64, 999};
    constexpr std::size_t kMostPieces = 50;
    return std::max(kSizes[size % kSizes.size()], size / kMostPieces);
}

Task<void> say(Stream* stream, std::string_view input) {
    const std::size_t piece = piece_size(input.size());
    try {
        for (std::size_t at = 0; at < input.size(); at += piece) {
            stream->write(input.substr(at, piece));
            co_await stream->flush();
            co_await yield();
        }
    } catch (const IoError&) {
        // The other side had enough.
    }
    ::shutdown(stream->fd(), SHUT_WR);
}

Task<void> hear(Stream* stream) {
    try {
        for (bool more = true; more; more = co_await stream->receive()) {
            stream->consume(stream->buffered().size());
        }
    } catch (const IoError&) {
        // It ended without having read all.
    }
}

std::pair<UniqueFd, UniqueFd> make_pair_of_sockets() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
        std::abort();
    }
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Task<void> meet(std::string_view input, const std::function<Task<void>(UniqueFd)>* serve) {
    auto [theirs, ours] = make_pair_of_sockets();
    TaskGroup beside;
    beside.spawn(talk(std::move(theirs), input));
    Task<void> served = (*serve)(std::move(ours));
    co_await std::move(served);
    co_await beside.close();
}

}  // namespace

const std::string& scratch() {
    static const Scratch own;
    return own.path();
}

std::string put(std::string_view name, std::string_view text) {
    std::string path = scratch() + "/" + std::string(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

void configure(std::string_view main_cf) {
    LogOptions options;
    options.to_syslog = false;
    options.tag = "fuzz";
    log_open(std::move(options));
    set_conf(Config::from_text(main_cf));
    if (::chdir(scratch().c_str()) != 0) {
        std::abort();
    }
    std::filesystem::create_directories(scratch() + "/private");
    std::filesystem::create_directories(scratch() + "/public");
}

Task<void> talk(UniqueFd fd, std::string_view input) {
    Stream stream(std::move(fd));
    TaskGroup both;
    both.spawn(hear(&stream));
    both.spawn(say(&stream, input));
    co_await both.join_or_close();
}

void converse(std::string_view input, const std::function<Task<void>(UniqueFd)>& serve) {
    Loop::current().run_task(meet(input, &serve));
}

}  // namespace relais::fuzz
