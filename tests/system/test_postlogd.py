"""postlogd of ours alone: a log that cannot be written to."""
import fcntl
import os
import time

from support import check
from support.instance import Instance

F_SETPIPE_SZ = 1031


def a_log_that_takes_nothing_more_ends_the_process():
    """A FIFO whose reader does not read, and the watchdog after postlogd_watchdog_timeout, 10 s at the least."""
    mta = Instance(main="maillog_file = @ROOT@/fifo\nmaillog_file_prefixes = @ROOT@\npostlogd_watchdog_timeout = 10s\n")
    os.mkfifo(mta.root / "fifo", 0o666)
    reader = os.open(mta.root / "fifo", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.fcntl(reader, F_SETPIPE_SZ, 4096)
        mta.start()
        mta.run("postlog", "one line", record=False)
        while not mta.processes("postlogd"):
            time.sleep(0.1)
        before, = mta.processes("postlogd")
        began = time.monotonic()
        for _ in range(2):
            mta.run("postlog", input=("x" * 100 + "\n") * 20, record=False)
        while list(mta.processes("postlogd")) == [before] and time.monotonic() - began < 40:
            time.sleep(0.2)
        seconds = time.monotonic() - began
        check(list(mta.processes("postlogd")) != [before], "the process that was stuck is gone")
        check(seconds > 6, f"it had some time: {seconds} s")
        while os.read(reader, 4096):
            pass
    except BlockingIOError:
        pass
    finally:
        mta.stop()
        os.close(reader)


a_log_that_takes_nothing_more_ends_the_process.is_test = True
