#include "lib/base/fd_message.h"

#include <array>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace relais;

namespace {

struct Pair {
    Pair() {
        std::array<int, 2> fds{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) == 0);
        left.reset(fds[0]);
        right.reset(fds[1]);
    }

    UniqueFd left;
    UniqueFd right;
};

std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// What an attacker sends: one byte with `count` descriptors.
void send_many(int socket, std::size_t count) {
    std::array<int, 200> fds;
    fds.fill(socket);
    char byte = 'x';
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), count * sizeof(int));
    REQUIRE(::sendmsg(socket, &message, 0) == 1);
}

}  // namespace

TEST_CASE("fd_message: a descriptor arrives and is the same file") {
    Pair pair;
    UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(send_with_fd(pair.left.get(), "abc", file.get()) == 3);
    std::array<char, 8> bytes{};
    UniqueFd got;
    REQUIRE(receive_with_fd(pair.right.get(), bytes, got) == 3);
    REQUIRE(got);
    struct stat sent;
    struct stat came;
    REQUIRE(::fstat(file.get(), &sent) == 0);
    REQUIRE(::fstat(got.get(), &came) == 0);
    CHECK(sent.st_rdev == came.st_rdev);
    CHECK(::fcntl(got.get(), F_GETFD) == FD_CLOEXEC);
    REQUIRE(send_with_fd(pair.left.get(), "none", -1) == 4);
    REQUIRE(receive_with_fd(pair.right.get(), bytes, got) == 4);
    CHECK_FALSE(got);
}

TEST_CASE("fd_message: more descriptors than one are not kept open") {
    for (std::size_t count : {1U, 2U, 3U, 50U, 200U}) {
        Pair pair;
        auto before = open_descriptors();
        send_many(pair.left.get(), count);
        std::array<char, 8> bytes{};
        UniqueFd got;
        REQUIRE(receive_with_fd(pair.right.get(), bytes, got) == 1);
        CHECK(got);
        CHECK(open_descriptors() == before + 1);
    }
}
