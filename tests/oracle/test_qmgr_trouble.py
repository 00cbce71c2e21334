"""What the queue manager says and does when those that it needs are not there."""
import contextlib
import os

from support.compare import scenario

MAIL = "Subject: test\n\nbody\n"
ROUTES = """\
transport_maps = inline:{missing.test=nosuch:}
transport_retry_time = 60s
"""


@contextlib.contextmanager
def away(mta, *services):
    """Their sockets have other names for a while."""
    paths = [mta.queue / "private" / name for name in services]
    for path in paths:
        os.rename(path, f"{path}.away")
    try:
        yield
    finally:
        for path in paths:
            os.rename(f"{path}.away", path)


@scenario(main=ROUTES)
def transports_that_are_not_there(mta):
    mta.sendmail("-f", "a@remote.test", "x@missing.test", "y@missing.test", input=MAIL)
    mta.wait_log("to=<y@missing.test>.*status=deferred")


@scenario(main=ROUTES)
def no_bounce_service(mta):
    with away(mta, "bounce"):
        mta.sendmail("-f", "a@remote.test", "gone@example.test", input=MAIL)
        mta.wait_log("gone@example.test>.*status=|bounce")
        mta.settle()


@scenario(main=ROUTES)
def no_defer_service(mta):
    with away(mta, "defer"):
        mta.sendmail("-f", "a@remote.test", "x@missing.test", input=MAIL)
        mta.wait_log("x@missing.test>.*status=|defer")
        mta.settle()


@scenario(main=ROUTES, master="# nobody\n", ignore="postfix/qmgr QID: from=")
def nobody_to_retry(mta):
    """No retry service: the queue manager tells the defer service itself, and that is away as well."""
    path = mta.conf / "master.cf"
    before = path.read_text()
    mta.stop()
    path.write_text("".join(line + "\n" for line in before.splitlines() if not line.startswith("retry")))
    mta.start()
    for name in ("retry", "defer"):
        (mta.queue / "private" / name).unlink(missing_ok=True)
    mta.sendmail("-f", "a@remote.test", "x@missing.test", input=MAIL)
    mta.wait_log("service failure|status=")
    mta.settle()
    mta.stop()
    path.write_text(before)
    mta.start()
