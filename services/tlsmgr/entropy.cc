#include "services/tlsmgr/entropy.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/tls/random.h"

namespace relais::tlsmgr {

namespace {

constexpr int kReadTime = 10000;         // milliseconds
constexpr std::size_t kMostOfEgd = 255;  // in one request
constexpr std::size_t kExchangeSize = 1024;

// Not at once: whoever asks next has a new process made.
[[noreturn]] void end_process() {
    log_flush(1000);
    ::sleep(1);
    std::_Exit(0);
}

// As many bytes as come, in time.
std::string read_some(int fd, std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        pollfd wait = {fd, POLLIN, 0};
        const ssize_t got = ::poll(&wait, 1, kReadTime) > 0
                                ? ::read(fd, bytes.data() + done, count - done)
                                : (errno = ETIMEDOUT, -1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

UniqueFd connect_egd(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    path.copy(address.sun_path, path.size());
    if (fd && ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return {};
    }
    return fd;
}

}  // namespace

EntropySource::EntropySource(std::string text) : text_(std::move(text)), path_(text_) {
    if (text_.empty()) {
        log_warning("no entropy source specified with parameter tls_random_source");
        log_warning("encryption keys etc. may be predictable");
        return;
    }
    constexpr std::size_t kPrefix = 4;
    kind_ = text_.starts_with("dev:")   ? Kind::kDevice
            : text_.starts_with("egd:") ? Kind::kEgd
                                        : Kind::kFile;
    if (kind_ == Kind::kFile) {
        if (auto opened = open_file(path_, O_RDONLY | O_NONBLOCK)) {
            fd_ = std::move(*opened);
        }
        return;
    }
    path_ = text_.substr(kPrefix);
    fd_ = kind_ == Kind::kEgd ? connect_egd(path_)
                              : UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd_) {
        log_warning("cannot {} {}: {}",
                    kind_ == Kind::kEgd ? "connect to EGD server" : "open entropy device", path_,
                    std::strerror(errno));
    }
}

std::string EntropySource::read_device(std::size_t count) {
    auto bytes = read_some(fd_.get(), count);
    if (bytes.empty()) {
        log_info("cannot read from entropy device {}: {} -- exiting to reopen", path_,
                 std::strerror(errno));
        end_process();
    }
    return bytes;
}

// 1 and a count; the answer is a count and the bytes.
std::string EntropySource::read_egd(std::size_t count) {
    const std::array<char, 2> request = {1, static_cast<char>(std::min(count, kMostOfEgd))};
    std::string head;
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) == 2) {
        head = read_some(fd_.get(), 1);
    } else {
        log_info("cannot write to EGD server {}: {}", path_, std::strerror(errno));
    }
    const std::size_t size = head.empty() ? 0 : static_cast<unsigned char>(head[0]);
    auto bytes = read_some(fd_.get(), size);
    if (head.empty() || bytes.size() < size) {
        log_info("lost connection to EGD server {} -- exiting to reconnect", path_);
        end_process();
    }
    return bytes;
}

void EntropySource::feed(std::size_t count) {
    if (kind_ == Kind::kNone) {
        return;
    }
    if (!fd_) {
        log_info("exiting to reopen external entropy source {}", text_);
        end_process();
    }
    switch (kind_) {
        case Kind::kEgd:
            add_randomness(read_egd(count));
            break;
        case Kind::kDevice:
            add_randomness(read_device(count));
            break;
        default: {
            ::lseek(fd_.get(), 0, SEEK_SET);
            add_randomness(read_some(fd_.get(), count));
        }
    }
}

ExchangeFile::ExchangeFile(std::string path) : path_(std::move(path)) {
    auto opened = open_file(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (!opened) {
        log_fatal("cannot open PRNG exchange file {}: {}", path_,
                  std::strerror(opened.error().sys_errno));
    }
    fd_ = std::move(*opened);
}

void ExchangeFile::update() {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) {
        log_fatal("cannot fstat() the PRNG exchange file: {}", std::strerror(errno));
    }
    if (info.st_nlink == 0) {
        log_warning("PRNG exchange file was removed -- exiting to reopen");
        end_process();
    }
    if (::flock(fd_.get(), LOCK_EX) != 0) {
        log_fatal("cannot lock PRNG exchange file {}: {}", path_, std::strerror(errno));
    }
    std::string state(kExchangeSize, '\0');
    const ssize_t got = ::pread(fd_.get(), state.data(), state.size(), 0);
    if (got < 0) {
        log_fatal("cannot read PRNG exchange file {}: {}", path_, std::strerror(errno));
    }
    add_randomness(state.substr(0, static_cast<std::size_t>(got)));
    state = random_bytes(kExchangeSize);
    if (::pwrite(fd_.get(), state.data(), state.size(), 0) != static_cast<ssize_t>(state.size())) {
        log_fatal("cannot write PRNG exchange file {}: {}", path_, std::strerror(errno));
    }
    ::flock(fd_.get(), LOCK_UN);
}

}  // namespace relais::tlsmgr
