"""spawn(8): commands that serve a connection each, under an account of their own, and what goes wrong with them."""
import contextlib
import socket
import time

from support.compare import scenario
from support.room import room

SHOW = "id -u; id -g; id -G; pwd; umask; env | sort | grep -v -e _= -e SHLVL; read line; echo got $line; echo to stderr >&2"
SERVICES = {
    "shown": "user=alice argv=/bin/sh @CONF@/show.sh one two",
    "group": "user=alice:nogroup argv=/bin/sh @CONF@/show.sh",
    "braces": "{user=alice} argv=/bin/sh -c {echo {a  b} $0; exit 3} name",
    "empty_argument": "user=alice argv=/bin/echo {} {a b}",
    "fails": "user=alice argv=/bin/false",
    "killed": "user=alice argv=/bin/sh @CONF@/killed.sh",
    "no_program": "user=alice argv=/nowhere/program",
    "not_executable": "user=alice argv=@CONF@/show.sh",
    "in_the_path": "user=alice argv=echo here",
    "descends": "user=alice argv=/bin/sh @CONF@/descends.sh",
    "verbose": "user=nobody argv=/bin/cat",
}
WRONG = {
    "no_user": "argv=/bin/echo x", "no_argv": "user=alice", "nothing": "", "nosuch_user": "user=nosuch argv=/bin/echo", "nosuch_group": "user=alice:nosuch argv=/bin/echo",
    "root": "user=root argv=/bin/echo", "root_group": "user=alice:root argv=/bin/echo", "mail_owner": "user=postfix argv=/bin/echo", "postdrop": "user=alice:postdrop argv=/bin/echo",
    "other_word": "user=alice flags=x argv=/bin/echo", "empty_user": "user= argv=/bin/echo", "empty_argv": "user=alice argv=", "empty_group": "user=alice: argv=/bin/echo", "number": "user=60903 argv=/bin/echo",
}
FILES = {"show.sh": SHOW + "\n", "killed.sh": "read line; kill -9 $$\n", "descends.sh": "sleep 30 > /dev/null 2>&1 <&- &\necho $1 done\n"}


def master_cf(services, unprivileged="n"):
    return "".join(f"{name} unix - {unprivileged} n - 0 spawn {how}\n" for name, how in services.items())


def talk(mta, name, send=b"words\n", seconds=8):
    """What the service says until it hangs up."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(str(mta.queue / "private" / name))
        got = b""
        with contextlib.suppress(ConnectionError):  # a command that does not read may have ended
            s.sendall(send)
        try:
            while more := s.recv(4096):
                got += more
        except (TimeoutError, socket.timeout):
            got += b"<no end>"
        except OSError:
            got += b"<broken>"
        return got.decode()


@scenario(main="export_environment = TZ MAIL_CONFIG LANG EXTRA=value\n", master=master_cf(SERVICES), files=FILES)
def commands(mta):
    room().require_private("accounts")
    for name in SERVICES:
        if name != "verbose":
            # What ends at once is broken for a client that had time to speak.
            mta.note(name, talk(mta, name).replace("<broken>", ""))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(mta.queue / "private/verbose"))
        s.sendall(b"back and ")
        s.sendall(b"forth\n")
        s.shutdown(socket.SHUT_WR)
        mta.note("echo", s.makefile().read())
    time.sleep(0.2)  # some write what they think after the connection is gone


@scenario(master=master_cf(WRONG), ignore="throttling|exit status 1$")
def mistakes(mta):
    room().require_private("accounts")
    for name in WRONG:
        said = talk(mta, name, seconds=0.6)
        # A process that ends has taken the connection or not.
        mta.note(name, said.replace("<no end>", "").replace("<broken>", ""))
