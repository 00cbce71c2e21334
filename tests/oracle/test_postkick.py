"""postkick: what it says, and how long it waits for a service."""
import signal
import socket
import threading
import time

from support import check
from support.compare import scenario


def kick(mta, *arguments):
    """The seconds that it took.  Postfix's now and then dies of a service that hangs up first: then once more."""
    for _ in range(5):
        began = time.monotonic()
        output = mta.run("postkick", *arguments, record=False)
        if output.status != -signal.SIGPIPE:
            break
    mta.outputs.append(output)
    return time.monotonic() - began


@scenario(main="application_event_drain_time = 2s\n")
def services_that_are_there_or_not(mta):
    kick(mta)
    kick(mta, "public", "qmgr")
    kick(mta, "-x", "public", "qmgr", "W")
    kick(mta, "public", "nosuch", "W")
    kick(mta, "public", "qmgr", "W")
    (mta.queue / "public" / "plain").touch()
    kick(mta, "public", "plain", "W")
    with mta.smtp() as session:
        session.mail("carol@remote.test", "alice@example.test", "Subject: x\n\nx\n")
    mta.settle()


@scenario(main="application_event_drain_time = 2s\n", log=False)
def services_that_take_their_time(mta):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(mta.queue / "public" / "slow"))
        (mta.queue / "public" / "slow").chmod(0o666)
        listening.listen(5)
        seconds = kick(mta, "public", "slow", "ABC")
        check(1.8 < seconds < 4, f"gave up after {seconds} s")
        client, _ = listening.accept()
        mta.note("request", client.recv(100))
        client.close()

        def serve():
            time.sleep(0.7)
            late, _ = listening.accept()
            late.recv(100)
            late.close()
        serving = threading.Thread(target=serve)
        serving.start()
        seconds = kick(mta, "public", "slow", "ABC")
        check(0.6 < seconds < 1.8, f"was read after {seconds} s")
        serving.join()
