// Listening, accepting and connecting without blocking.
#pragma once

#include <functional>
#include <string>

#include <sys/socket.h>
#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/socket_address.h"
#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"

namespace relais {

// Waits until the descriptor is readable (or writable), as the level of it stands now.
[[nodiscard]] Task<void> wait_fd_readable(int fd, Deadline deadline = {});
[[nodiscard]] Task<void> wait_fd_writable(int fd, Deadline deadline = {});

// A listening socket that other processes may share.
class Listener {
  public:
    explicit Listener(UniqueFd fd);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int fd() const { return fd_.get(); }

    // The next connection, non-blocking and close-on-exec.
    [[nodiscard]] Task<UniqueFd> accept() { return accept(nullptr); }

    // The same for who may change his mind: `is_willing` is asked right before a connection is
    // taken, and where it says no, the connection stays in the queue, and nothing comes back.
    [[nodiscard]] Task<UniqueFd> accept(std::function<bool()> is_willing);

  private:
    static void on_event(int fd, short what, void* self);

    UniqueFd fd_;
    EventPtr event_;
    Wait* waiter_ = nullptr;
    bool ready_ = true;
};

// A connected stream socket to a UNIX-domain path (relative to the working directory, or absolute).
[[nodiscard]] Task<Result<UniqueFd>> connect_unix(std::string path, Deadline deadline);

// Who is at the other end of a connected UNIX-domain socket, as the kernel noted it down when the
// connection was made (of the end that listened: when it began to).
[[nodiscard]] Result<ucred> peer_credentials(int fd);

// The same for a service that must be the one it is taken for, in a directory where others may
// rename and replace sockets: kDenied unless the process `maker` (0: whoever) has made the
// listening socket, under this very name.  Neither can be said by anybody else, as long as `maker`
// lives.
[[nodiscard]] Task<Result<UniqueFd>> connect_unix_made_by(pid_t maker, std::string path,
                                                          Deadline deadline);

// tcp_windowsize: how many bytes TCP sockets that this process opens from now on ask for in each
// direction, so that their windows stay below; 0: the kernel decides.
void set_tcp_window(int bytes);

// For who opens a socket himself: before it connects or listens.
void limit_tcp_window(int fd);

// A TCP connection.  TCP_NODELAY is set.
[[nodiscard]] Task<Result<UniqueFd>> connect_tcp(SocketAddress to, Deadline deadline);

// The same in two steps, for who binds the socket to an address in between.
[[nodiscard]] Result<UniqueFd> tcp_socket(const SocketAddress& to);
[[nodiscard]] Task<Result<UniqueFd>> connect_tcp(UniqueFd socket, SocketAddress to,
                                                 Deadline deadline);

}  // namespace relais
