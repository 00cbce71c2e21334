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


@scenario(main=ROUTES, ignore="warning: QID: connect to private/bounce")  # ours says why, too
def no_bounce_service_for_what_is_on_record(mta):
    """An agent has written why a recipient gets nothing, and nobody is there to tell the sender."""
    mta.sendmail("-f", "a@remote.test", "x@missing.test", input=MAIL)
    mta.wait_log("to=<x@missing.test>.*status=deferred")
    mta.settle()
    [path] = mta.queue_files("deferred")
    record = mta.queue / "bounce" / path.name
    record.write_text("<y@missing.test>: gone\nrecipient=y@missing.test\nstatus=5.1.1\naction=failed\nreason=gone\n\n")
    os.chown(record, path.stat().st_uid, path.stat().st_gid)
    record.chmod(0o600)
    with away(mta, "bounce"):
        mta.run("postqueue", "-i", path.name, record=False)
        mta.wait_log(r"status=deferred \(bounce failed\)")
        mta.settle()


@scenario(main=ROUTES)
def no_defer_service(mta):
    mta.stop()
    mta.start()  # ours may still talk to the service that it has found before
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
