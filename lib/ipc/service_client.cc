#include "lib/ipc/service_client.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/socket.h"
#include "lib/ipc/waiting_servers.h"

namespace relais {

struct ServiceClient::Connection {
    std::unique_ptr<Stream> stream;
    Deadline expires;
    Deadline idle_until;
    long requests = 0;
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

namespace {

// kClosed where the server hung up instead of an answer.
Task<Result<int>> ask_status(std::unique_ptr<Stream>* stream, const ServiceAddress* address,
                             const std::string* request) {
    (*stream)->write(*request);
    auto list = co_await read_attributes(stream->get(), address->encoding);
    if (!list) {
        co_return fail_with(list);
    }
    AttrReader reader(*list);
    int status = reader.signed_number("status");
    if (reader.failed()) {
        co_return fail(Errc::kCorrupt, reader.error());
    }
    // It greets again.
    if (!address->protocol.empty() &&
        offers_to_go_on(**stream, address->protocol, address->encoding)) {
        WaitingServers::of_process().keep(address->socket, std::move(*stream));
    }
    co_return status;
}

Task<Result<int>> try_status(std::unique_ptr<Stream> stream, const ServiceAddress* address,
                             const std::string* request) {
    std::string why;
    try {
        auto status = co_await ask_status(&stream, address, request);
        co_return status;
    } catch (const IoError& error) {
        co_return fail(Errc::kClosed, error.what());
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kTemporary, why);
}

}  // namespace

Task<Result<int>> status_request(ServiceAddress address, std::string request,
                                 std::chrono::milliseconds timeout) {
    Result<int> status = fail(Errc::kClosed, "");
    if (auto waiting = WaitingServers::of_process().take(address.socket)) {
        waiting->set_timeout(timeout);
        status = co_await try_status(std::move(waiting), &address, &request);
    }
    // One that went just now, as idle servers do, is no failure of the service.
    if (!status && status.error().code == Errc::kClosed) {
        auto stream = co_await connect_service(address, timeout);
        if (!stream) {
            co_return fail_with(stream);
        }
        status = co_await try_status(std::move(*stream), &address, &request);
    }
    if (!status) {
        co_return fail(Errc::kTemporary, address.socket + " service: " + status.error().message);
    }
    co_return status;
}

ServiceClient::ServiceClient(ServiceAddress address, ServiceClientLimits limits)
    : address_(std::move(address)), limits_(limits) {
    dialect_.connect = [this] { return connect_service(address_, limits_.timeout); };
    dialect_.read = [this](Stream* stream) { return read_attributes(stream, address_.encoding); };
}

ServiceClient::ServiceClient(ServiceDialect dialect, ServiceClientLimits limits)
    : dialect_(std::move(dialect)), limits_(limits) {
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

bool ServiceClient::may_stay(const Connection& connection) const {
    return limits_.requests <= 0 || connection.requests < limits_.requests;
}

Task<Result<Attributes>> ServiceClient::try_call(const std::string& request, Reader read) {
    auto connection = take_idle();
    if (!connection) {
        auto stream = co_await dialect_.connect();
        if (!stream) {
            co_return fail_with(stream);
        }
        connection = std::make_unique<Connection>();
        connection->stream = std::move(*stream);
        connection->expires = Deadline::after(limits_.lifetime);
    }
    connection->stream->write(request);
    connection->requests += 1;
    const Reader& reader = read ? read : dialect_.read;
    auto reply = co_await reader(connection->stream.get());
    // What came behind the reply is no answer to the next request.
    if (reply && may_stay(*connection) && connection->stream->buffered().empty()) {
        keep(std::move(connection));
    }
    co_return reply;
}

Task<Result<Attributes>> ServiceClient::call_once(const std::string& request, Reader read) {
    Error error{.code = Errc::kTemporary, .message = {}, .sys_errno = 0};
    try {
        auto reply = co_await try_call(request, std::move(read));
        co_return reply;
    } catch (const IoError& broken) {
        error.message = broken.what();
        error.sys_errno = broken.sys_errno();
    } catch (const TimedOut& late) {
        error.message = late.what();
        error.sys_errno = ETIMEDOUT;
    }
    co_return std::unexpected(std::move(error));
}

Task<Result<Attributes>> ServiceClient::call(std::string request) {
    std::string why;
    for (int tried = 0; tried < limits_.tries; ++tried) {
        if (tried > 0) {
            co_await sleep_for(limits_.retry_delay);
        }
        auto reply = co_await call_once(request);
        if (reply) {
            co_return reply;
        }
        why = reply.error().message;
        log_warning("problem talking to service {}: {}", address_.socket, why);
    }
    co_return fail(Errc::kTemporary, "service " + address_.socket + ": " + why);
}

namespace {

// Until the reader has taken what `fd` was given; `query` asks the kernel for what is left.
Task<void> wait_until_taken(int fd, unsigned long query, std::chrono::milliseconds time) {
    constexpr auto kStep = std::chrono::milliseconds(10);
    int left = 0;
    for (auto limit = Deadline::after(time);
         !limit.passed() && ::ioctl(fd, query, &left) == 0 && left > 0;) {
        co_await sleep_for(kStep);
    }
}

// A FIFO takes the bytes as they are; where it is full, its reader has not come to the earlier
// ones.
Task<Result<void>> trigger_fifo(std::string path, std::string request, Deadline deadline,
                                std::chrono::milliseconds drain) {
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
    co_await wait_until_taken(fd->get(), FIONREAD, drain);
    co_return Result<void>();
}

Task<Result<void>> trigger_socket(std::string path, std::string request, Deadline deadline,
                                  std::chrono::milliseconds drain) {
    auto fd = co_await connect_unix(path, deadline);
    if (!fd) {
        co_return fail_with(fd);
    }
    Stream stream(std::move(*fd));
    stream.set_deadline(deadline);
    request += '\0';
    stream.write(request);
    co_await stream.flush();
    co_await wait_until_taken(stream.fd(), SIOCOUTQ, drain);
    co_return Result<void>();
}

}  // namespace

Task<Result<void>> send_trigger(std::string path, std::string request,
                                std::chrono::milliseconds timeout,
                                std::chrono::milliseconds drain) {
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
        auto sent = co_await how(path, std::move(request), Deadline::after(timeout), drain);
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
