#include "lib/ipc/service_client.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/socket.h"

namespace relais {

struct ServiceClient::Connection {
    std::unique_ptr<Stream> stream;
    Deadline expires;
    Deadline idle_until;
};

namespace {

// A server that closed or restarted makes an idle connection readable.
bool is_stale(int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) != 0;
}

Task<Result<void>> check_announcement(Stream* stream, ServiceAddress address,
                                      Attributes* announcement) {
    auto list = co_await read_attributes(stream, address.encoding);
    if (!list) {
        co_return fail_with(list);
    }
    AttrReader reader(*list);
    if (reader.string("protocol") != address.protocol) {
        co_return fail(Errc::kCorrupt, "unexpected protocol announcement");
    }
    if (announcement != nullptr) {
        *announcement = std::move(*list);
    }
    co_return Result<void>();
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect_service(ServiceAddress address,
                                                      std::chrono::milliseconds timeout,
                                                      Attributes* announcement) {
    auto fd = co_await connect_unix(address.socket, Deadline::after(timeout));
    if (!fd) {
        co_return fail_with(fd);
    }
    auto stream = std::make_unique<Stream>(std::move(*fd));
    stream->set_timeout(timeout);
    if (address.protocol.empty()) {
        co_return std::move(stream);
    }
    std::string why;
    try {
        auto checked = co_await check_announcement(stream.get(), address, announcement);
        if (checked) {
            co_return std::move(stream);
        }
        why = checked.error().message;
    } catch (const IoError& error) {
        why = error.what();
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kTemporary, address.socket + " service: " + why);
}

Task<Result<int>> status_request(ServiceAddress address, std::string request,
                                 std::chrono::milliseconds timeout) {
    auto stream = co_await connect_service(address, timeout);
    if (!stream) {
        co_return fail_with(stream);
    }
    std::string why;
    try {
        (*stream)->write(request);
        auto list = co_await read_attributes(stream->get(), address.encoding);
        if (list) {
            AttrReader reader(*list);
            int status = reader.signed_number("status");
            if (!reader.failed()) {
                co_return status;
            }
            why = reader.error();
        } else {
            why = list.error().message;
        }
    } catch (const IoError& error) {
        why = error.what();
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kTemporary, address.socket + " service: " + why);
}

ServiceClient::ServiceClient(ServiceAddress address, ServiceClientLimits limits)
    : address_(std::move(address)), limits_(limits) {
}

ServiceClient::~ServiceClient() = default;

std::unique_ptr<ServiceClient::Connection> ServiceClient::take_idle() {
    while (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        if (!connection->expires.passed() && !connection->idle_until.passed() &&
            !is_stale(connection->stream->fd())) {
            return connection;
        }
    }
    return nullptr;
}

void ServiceClient::keep(std::unique_ptr<Connection> connection) {
    while (!idle_.empty() && idle_.front()->idle_until.passed()) {
        idle_.pop_front();
    }
    connection->idle_until = Deadline::after(limits_.idle);
    idle_.push_back(std::move(connection));
}

Task<Result<Attributes>> ServiceClient::try_call(const std::string* request) {
    auto connection = take_idle();
    if (!connection) {
        auto stream = co_await connect_service(address_, limits_.timeout);
        if (!stream) {
            co_return fail_with(stream);
        }
        connection = std::make_unique<Connection>();
        connection->stream = std::move(*stream);
        connection->expires = Deadline::after(limits_.lifetime);
    }
    connection->stream->write(*request);
    auto reply = co_await read_attributes(connection->stream.get(), address_.encoding);
    if (reply) {
        keep(std::move(connection));
    }
    co_return reply;
}

Task<Result<Attributes>> ServiceClient::call(std::string request) {
    std::string why;
    for (int tried = 0; tried < limits_.tries; ++tried) {
        if (tried > 0) {
            co_await sleep_for(limits_.retry_delay);
        }
        try {
            auto reply = co_await try_call(&request);
            if (reply) {
                co_return reply;
            }
            why = reply.error().message;
        } catch (const IoError& error) {
            why = error.what();
        } catch (const TimedOut& error) {
            why = error.what();
        }
        log_warning("problem talking to service {}: {}", address_.socket, why);
    }
    co_return fail(Errc::kTemporary, "service " + address_.socket + ": " + why);
}

namespace {

// A FIFO takes the bytes as they are; where it is full, its reader has not come to the earlier
// ones.
Task<Result<void>> trigger_fifo(std::string path, std::string request, Deadline deadline) {
    auto fd = open_file(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    if (!fd) {
        co_return fail_with(fd);
    }
    std::string_view rest = request;
    while (!rest.empty()) {
        ssize_t sent = ::write(fd->get(), rest.data(), rest.size());
        if (sent >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            co_await wait_fd_writable(fd->get(), deadline);
        } else if (errno != EINTR) {
            co_return fail_errno("write " + path);
        }
    }
    co_return Result<void>();
}

Task<Result<void>> trigger_socket(std::string path, std::string request, Deadline deadline) {
    auto fd = co_await connect_unix(path, deadline);
    if (!fd) {
        co_return fail_with(fd);
    }
    Stream stream(std::move(*fd));
    stream.set_deadline(deadline);
    request += '\0';
    stream.write(request);
    co_await stream.flush();
    co_return Result<void>();
}

}  // namespace

Task<Result<void>> send_trigger(std::string path, std::string request,
                                std::chrono::milliseconds timeout) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        co_return fail_errno("unable to look up " + path);
    }
    if (!S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode)) {
        co_return fail(Errc::kCorrupt, path + " is not a socket or a fifo");
    }
    auto how = S_ISFIFO(info.st_mode) ? trigger_fifo : trigger_socket;
    std::string trouble;
    try {
        auto sent = co_await how(path, std::move(request), Deadline::after(timeout));
        if (sent) {
            co_return sent;
        }
        trouble = sent.error().message;
    } catch (const IoError& error) {
        trouble = error.what();
    } catch (const TimedOut& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, "trigger " + path + ": " + trouble);
}

}  // namespace relais
