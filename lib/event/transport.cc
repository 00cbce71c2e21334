#include "lib/event/transport.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace relais {

namespace {

class PlainTransport : public Transport {
  public:
    explicit PlainTransport(int fd) : fd_(fd) {}

    IoOutcome read(std::span<char> into) override {
        for (;;) {
            ssize_t got = ::read(fd_, into.data(), into.size());
            if (got > 0) {
                return {IoStatus::kDone, static_cast<std::size_t>(got), 0, {}};
            }
            if (got == 0) {
                return {IoStatus::kEndOfStream, 0, 0, {}};
            }
            if (errno != EINTR) {
                return refused(IoStatus::kWantRead);
            }
        }
    }

    IoOutcome write(std::string_view bytes) override {
        for (;;) {
            ssize_t put = is_socket_ ? ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                     : ::write(fd_, bytes.data(), bytes.size());
            if (put >= 0) {
                return {IoStatus::kDone, static_cast<std::size_t>(put), 0, {}};
            }
            if (errno == ENOTSOCK && is_socket_) {
                is_socket_ = false;
            } else if (errno != EINTR) {
                return refused(IoStatus::kWantWrite);
            }
        }
    }

    bool has_pending() const override { return false; }

  private:
    static IoOutcome refused(IoStatus again) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return {again, 0, 0, {}};
        }
        return {IoStatus::kFailed, 0, errno, std::strerror(errno)};
    }

    int fd_;
    bool is_socket_ = true;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(int fd) {
    return std::make_unique<PlainTransport>(fd);
}

}  // namespace relais
