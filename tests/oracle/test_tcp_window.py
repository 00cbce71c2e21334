"""tcp_windowsize: how much the sockets of the network ask for."""
import ctypes
import os
import socket

from support.compare import scenario

PIDFD_OPEN, PIDFD_GETFD = 434, 438
LIBC = ctypes.CDLL(None, use_errno=True)


def sockets_of(pid):
    """The TCP sockets of another process."""
    process = LIBC.syscall(PIDFD_OPEN, pid, 0)
    for name in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            copy = LIBC.syscall(PIDFD_GETFD, process, int(name), 0)
            with socket.socket(fileno=copy) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM:
                    yield one
    os.close(process)


def buffers(pid):
    return sorted({(one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
                   for one in sockets_of(pid)})


@scenario(main="tcp_windowsize = 20000\nsmtp_tcp_port = 2525\n", transcripts=False)
def what_sockets_ask_for(mta):
    master = int((mta.queue / "pid/master.pid").read_text())
    mta.note("listening", buffers(master))
    mta.room.dns.add_host("mx.window.test", mta.room.address(33))
    mta.room.dns.add("window.test", "MX", (10, "mx.window.test"))
    with mta.smtp() as session:
        session.talk("EHLO a.test")
        for pid in mta.processes("smtpd"):
            mta.note("a client's", buffers(pid))

    def looked_at(_):
        for pid in mta.processes("smtp"):
            mta.note("to a server", buffers(pid))
        return "250 ok"
    with mta.sink(33, MAIL=looked_at):
        mta.mail("alice@example.test", "x@window.test", "Subject: x\n\nx\n")
        mta.settle()
