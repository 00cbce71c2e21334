#include "lib/ipc/session_register.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/socket.h"
#include "lib/ipc/attr.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::uint32_t kMostSessions = 100000;
constexpr std::size_t kLongestList = 8192;

std::string socket_path(std::string_view service, pid_t process) {
    return format("{}/{}.{}", kSessionSockets, service, process);
}

// "imap.1234"
struct SocketName {
    std::string service;
    pid_t process = 0;

    static std::optional<SocketName> parse(std::string_view name) {
        auto parts = split_last(name, '.');
        auto number = parts ? parse_uint(parts->second) : std::nullopt;
        if (!number || *number == 0 || *number > 0x7fffffff) {
            return std::nullopt;
        }
        return SocketName{std::string(parts->first), static_cast<pid_t>(*number)};
    }
};

Result<UserSession> parse_session(const Attributes& attributes) {
    AttrReader reader(attributes);
    UserSession session;
    session.id = reader.number("id");
    session.address = reader.string("address");
    session.since = reader.long_number("since");
    session.secured = reader.number("secured") != 0;
    session.folder = reader.string("folder");
    session.received = static_cast<std::uint64_t>(reader.long_number("received"));
    session.sent = static_cast<std::uint64_t>(reader.long_number("sent"));
    return reader.failed() ? fail(Errc::kSyntax, reader.error())
                           : Result<UserSession>(std::move(session));
}

Task<Result<Attributes>> read_list(Stream* stream) {
    return read_attributes(stream, AttrEncoding::kNul, kLongestList);
}

Task<Result<UserSessions>> ask_for_list(Stream* stream) {
    stream->write(AttrWriter().string("request", "list").end().bytes());
    auto head = co_await read_list(stream);
    if (!head) {
        co_return fail_with(head);
    }
    AttrReader reader(*head);
    UserSessions found;
    found.user = reader.string("user");
    found.service = reader.string("service");
    std::uint32_t count = reader.number("sessions");
    if (reader.failed() || count > kMostSessions) {
        co_return fail(Errc::kSyntax, reader.failed() ? reader.error() : "too many sessions");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        auto list = co_await read_list(stream);
        auto session = list ? parse_session(*list) : fail_with(list);
        if (!session) {
            co_return fail_with(session);
        }
        found.sessions.push_back(std::move(*session));
    }
    co_return found;
}

Task<Result<bool>> ask_for_end(Stream* stream, std::uint32_t id) {
    stream->write(AttrWriter().string("request", "end").number("id", id).end().bytes());
    auto answer = co_await read_list(stream);
    if (!answer) {
        co_return fail_with(answer);
    }
    AttrReader reader(*answer);
    bool ended = reader.number("ended") != 0;
    co_return reader.failed() ? fail(Errc::kSyntax, reader.error()) : Result<bool>(ended);
}

// The conversation that `ask` leads, over the socket of that process.
template <class Ask>
auto with_process(SocketName name, Ask ask) -> decltype(ask(nullptr)) {
    auto fd =
        co_await connect_unix(socket_path(name.service, name.process), Deadline::after(kPatience));
    if (!fd) {
        co_return fail_with(fd);
    }
    Stream stream(std::move(*fd));
    stream.set_deadline(Deadline::after(kPatience));
    try {
        co_return co_await ask(&stream);
    } catch (const IoError& error) {
        co_return fail(Errc::kClosed, error.what());
    } catch (const TimedOut&) {
        co_return fail(Errc::kTemporary, "no answer in time");
    }
}

bool is_left_behind(const Error& error) {
    return error.sys_errno == ECONNREFUSED || error.sys_errno == ENOENT;
}

Result<std::vector<SocketName>> socket_names() {
    auto names = list_directory(std::string(kSessionSockets));
    if (!names) {
        return names.error().sys_errno == ENOENT ? Result<std::vector<SocketName>>()
                                                 : fail_with(names);
    }
    std::vector<SocketName> sockets;
    for (const std::string& name : *names) {
        if (auto socket = SocketName::parse(name)) {
            sockets.push_back(std::move(*socket));
        }
    }
    return sockets;
}

}  // namespace

std::string UserSessions::serialize() const {
    AttrWriter writer;
    writer.string("user", user).string("service", service);
    writer.number("sessions", static_cast<std::int64_t>(sessions.size())).end();
    for (const UserSession& session : sessions) {
        writer.number("id", session.id)
            .string("address", session.address)
            .long_number("since", session.since)
            .number("secured", session.secured ? 1 : 0)
            .string("folder", session.folder)
            .long_number("received", static_cast<std::int64_t>(session.received))
            .long_number("sent", static_cast<std::int64_t>(session.sent))
            .end();
    }
    return writer.take();
}

Task<Result<SessionRequest>> read_session_request(Stream* stream) {
    auto list = co_await read_list(stream);
    if (!list) {
        co_return fail_with(list);
    }
    AttrReader reader(*list);
    std::string what = reader.string("request");
    SessionRequest request;
    request.end = what == "end";
    request.id = request.end ? reader.number("id") : 0;
    if (reader.failed() || (!request.end && what != "list")) {
        co_return fail(Errc::kSyntax, reader.failed() ? reader.error() : "unknown request");
    }
    co_return request;
}

std::string session_end_answer(bool ended) {
    return AttrWriter().number("ended", ended ? 1 : 0).end().take();
}

Result<UniqueFd> make_session_socket(std::string_view service) {
    std::string directory(kSessionSockets);
    if (::mkdir(directory.c_str(), 0700) < 0 && errno != EEXIST) {
        return fail_errno("mkdir " + directory);
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = socket_path(service, ::getpid());
    if (path.size() >= sizeof(address.sun_path)) {
        return fail(Errc::kTooLarge, path + ": the name is too long for a socket");
    }
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path.c_str());  // of a process that had this number before
    mode_t before = ::umask(0077);
    bool bound = fd.get() >= 0 && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                                         sizeof(address)) == 0;
    int reason = errno;
    ::umask(before);
    if (!bound) {
        return fail_errno("make the socket " + path, reason);
    }
    if (::listen(fd.get(), SOMAXCONN) < 0) {
        return fail_errno("listen on " + path);
    }
    return fd;
}

void remove_session_socket(std::string_view service, pid_t process) {
    ::unlink(socket_path(service, process).c_str());
}

Task<void> sweep_session_sockets(std::string service) {
    auto sockets = socket_names();
    if (!sockets) {
        co_return;
    }
    for (const SocketName& name : *sockets) {
        if (name.service != service) {
            continue;
        }
        auto fd = co_await connect_unix(socket_path(name.service, name.process),
                                        Deadline::after(kPatience));
        if (!fd && is_left_behind(fd.error())) {
            remove_session_socket(name.service, name.process);
        }
    }
}

Task<Result<std::vector<UserSessions>>> list_user_sessions() {
    auto sockets = socket_names();
    if (!sockets) {
        co_return fail_with(sockets);
    }
    std::vector<UserSessions> all;
    for (const SocketName& name : *sockets) {
        auto found = co_await with_process(name, ask_for_list);
        if (found) {
            found->process = name.process;
            all.push_back(std::move(*found));
        } else if (!is_left_behind(found.error())) {
            log_warning("process {} of service {}: {}", name.process, printable(name.service),
                        found.error().message);
        }
    }
    co_return all;
}

Task<Result<bool>> end_user_session(std::string service, pid_t process, std::uint32_t id) {
    SocketName name{std::move(service), process};
    auto ask = [id](Stream* stream) { return ask_for_end(stream, id); };
    co_return co_await with_process(std::move(name), ask);
}

}  // namespace relais
