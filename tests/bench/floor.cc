// What keeping the promise costs at the least: the floor of the rows from SMTP to a Maildir.  No
// mail system: it keeps the same promise with the same files (a queue file that is synced before
// "250", and renamed as it goes on; a copy that is synced in tmp/ before it is named in new/), and
// looks nothing up, logs nothing, and trusts whoever connects.
//
//     floor ADDRESS PORT DIRECTORY TAKERS DELIVERERS
//
// Takers share a socket and serve many sessions each.  The name of a queue file goes through a pipe
// to one of the deliverers.  All of them end with the process that was started.
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"

namespace relais {
namespace {

constexpr std::size_t kName = 32;  // bytes of a name in the pipe
constexpr std::size_t kRead = std::size_t{128} << 10;
constexpr std::string_view kDot = "\r\n.\r\n";

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

template <class T>
T must(T result, const char* what) {
    if (result < 0) {
        give_up(what);
    }
    return result;
}

// Writes a new file under one name, which is its only one until all of it is on the disk; then it
// has the other.
void store(const std::string& first, const std::string& last, std::string_view bytes) {
    const UniqueFd file(
        must(::open(first.c_str(), O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0600), "open"));
    if (::write(file.get(), bytes.data(), bytes.size()) != std::ssize(bytes)) {
        give_up("write");
    }
    must(::fsync(file.get()), "fsync");
    must(std::rename(first.c_str(), last.c_str()), "rename");
}

struct Pipe {
    UniqueFd in, out;
};

// Delivers one message into DIRECTORY/u1; `room` is for its text.
void deliver(const std::string& directory, const std::string& id, std::string& room) {
    const std::string queued = directory + "/active/" + id;
    std::size_t size = 0;
    {
        const UniqueFd file(must(::open(queued.c_str(), O_RDONLY | O_CLOEXEC), "open"));
        size = static_cast<std::size_t>(must(::read(file.get(), room.data(), room.size()), "read"));
    }
    store(directory + "/u1/tmp/" + id, directory + "/u1/new/" + id,
          std::string_view(room).substr(0, size));
    must(::unlink(queued.c_str()), "unlink");
}

// What the pipe names, for ever.
[[noreturn]] void deliver_all(const Pipe& names, const std::string& directory) {
    std::array<char, kName> name{};
    std::string room(std::size_t{1} << 20, '\0');
    while (::read(names.in.get(), name.data(), kName) == std::ssize(name)) {
        deliver(directory, name.data(), room);
    }
    std::_Exit(0);
}

// Puts messages into the queue.
class Queue {
  public:
    Queue(const Pipe& names, std::string directory, int taker)
        : names_(names), directory_(std::move(directory)), taker_(std::to_string(taker)) {}

    void take(std::string_view content) {
        const std::string id = taker_ + "." + std::to_string(count_++);
        message_ = "Received: from client by floor; date\n";
        for (const auto line : split_fields(content, '\n')) {
            message_ += trim_right(line, "\r");
            message_ += '\n';
        }
        store(directory_ + "/incoming/" + id, directory_ + "/active/" + id, message_);
        std::array<char, kName> name{};
        id.copy(name.data(), kName - 1);
        must(::write(names_.out.get(), name.data(), kName), "write");
    }

  private:
    const Pipe& names_;
    std::string directory_, taker_, message_;
    long count_ = 0;
};

class Session {
  public:
    explicit Session(int fd) : fd_(fd) { send("220 floor ESMTP\r\n"); }

    // Reads what has come, and answers it with one write.  False when the session is at its end.
    bool serve(Queue& queue, std::span<char> room) {
        const auto count = ::read(fd_.get(), room.data(), room.size());
        if (count <= 0) {
            return false;
        }
        in_.append(room.data(), static_cast<std::size_t>(count));
        std::string replies;
        while (take(queue, replies)) {
        }
        send(replies);
        return !quits_;
    }

  private:
    void send(std::string_view text) const {
        static_cast<void>(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }

    // One command, or a message; false when no whole one is there.
    bool take(Queue& queue, std::string& replies) {
        const std::string_view end = in_data_ ? kDot : "\n";
        const auto at = in_.find(end);
        if (at == std::string::npos) {
            return false;
        }
        const auto text = std::string_view(in_).substr(0, at);
        if (in_data_) {
            queue.take(text);
            replies += "250 2.0.0 Ok: queued\r\n";
            in_data_ = false;
        } else {
            replies += answer(text);
        }
        in_.erase(0, at + end.size());
        return true;
    }

    std::string_view answer(std::string_view command) {
        if (istarts_with(command, "DATA")) {
            in_data_ = true;
            return "354 go on\r\n";
        }
        if (istarts_with(command, "QUIT")) {
            quits_ = true;
            return "221 bye\r\n";
        }
        return "250 Ok\r\n";
    }

    UniqueFd fd_;
    std::string in_;
    bool in_data_ = false, quits_ = false;
};

// Serves sessions, for ever.
class Taker {
  public:
    Taker(int listener, Queue queue)
        : listener_(listener), queue_(std::move(queue)), poll_(must(::epoll_create1(0), "epoll")) {
        watch(listener_, EPOLLIN | EPOLLEXCLUSIVE);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 64> events{};
        for (;;) {
            const int count = ::epoll_wait(poll_.get(), events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == listener_) {
                    accept();
                } else if (!sessions_.at(fd).serve(queue_, room_)) {
                    sessions_.erase(fd);
                }
            }
        }
    }

  private:
    void watch(int fd, unsigned what) {
        epoll_event event{.events = what, .data = {.fd = fd}};
        must(::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }

    void accept() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;  // another one was faster
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sessions_.emplace(fd, fd);
        watch(fd, EPOLLIN);
    }

    int listener_;
    Queue queue_;
    UniqueFd poll_;
    std::map<int, Session> sessions_;
    std::array<char, kRead> room_{};
};

UniqueFd listen_at(const char* host, const char* port) {
    UniqueFd fd(must(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(parse_uint(port).value_or(0)));
    ::inet_pton(AF_INET, host, &address.sin_addr);
    must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    must(::listen(fd.get(), 1024), "listen");
    return fd;
}

// True in the child.
bool fork_child() {
    const bool child = must(::fork(), "fork") == 0;
    if (child) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return child;
}

int run(std::span<char*> arguments) {
    const std::string directory = arguments[3];
    for (const char* name : {"", "/incoming", "/active", "/u1", "/u1/tmp", "/u1/new", "/u1/cur"}) {
        ::mkdir((directory + name).c_str(), 0700);
    }
    const UniqueFd listener = listen_at(arguments[1], arguments[2]);
    std::array<int, 2> ends{};
    must(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    const Pipe names{UniqueFd(ends[0]), UniqueFd(ends[1])};
    const auto takers = static_cast<int>(parse_uint(arguments[4]).value_or(1));
    const auto deliverers = static_cast<int>(parse_uint(arguments[5]).value_or(1));
    for (int i = 0; i < takers; ++i) {
        if (fork_child()) {
            Taker(listener.get(), Queue(names, directory, i)).run();
        }
    }
    for (int i = 0; i < deliverers; ++i) {
        if (fork_child()) {
            deliver_all(names, directory);
        }
    }
    ::pause();
    return 0;
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
    if (arguments.size() != 6) {
        std::fputs("usage: floor ADDRESS PORT DIRECTORY TAKERS DELIVERERS\n", stderr);
        return 64;
    }
    return relais::run(arguments);
}
