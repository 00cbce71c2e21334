"""Proxy filters that talk no SMTP, die in the middle, or never end: where ours is stricter than Postfix, which passes on
to its client what is no reply."""
import re
import socket
import threading
import time

from support import check
from support.instance import Instance
from support.sink import SmtpSink

MAIN = "smtpd_proxy_filter = @NET@.31:10024\nsmtpd_proxy_timeout = 1s\nsmtpd_error_sleep_time = 0\nnotify_classes =\n"
LATER = "451 4.3.0 Error: queue file write error"
EHLO = "250-filter.test\n250 XFORWARD NAME ADDR"


def instance(extra=""):
    return Instance("ours", main=MAIN + extra).start()


def verdict(mta, script, message="Subject: x\n\nx\n", recipients=("u1@virt.test",)):
    """The last replies to RCPT and to the data, with such a filter."""
    sink = SmtpSink(mta.room.address(31), 10024, {"EHLO": EHLO, "XFORWARD": "250 2.0.0 Ok", **script})
    try:
        with mta.smtp() as s:
            s.talk("EHLO c.test", "MAIL FROM:<a@b.test>")
            to = [str(s.command(f"RCPT TO:<{one}>")) for one in recipients][-1]
            end = str(s.data(message)) if to.startswith("250") else ""
            check(s.command("QUIT").code == "221", "the session goes on")
            return to, end
    finally:
        sink.stop()


def test_what_is_no_reply_is_not_passed_on():
    for options in ("", "smtpd_proxy_options = speed_adjust"):
        mta = instance(options)
        replies = ("354 more", "999 strange", "no reply at all\n2 nor this\n", "250-never ends\n" * 5 + "250-",
                      "garbage\n" * 2000, "250-" + "x" * 100000, "25x what\n251-a\n5 b\n", "600 six")
        for reply in replies if not options else (*replies[:2], replies[4]):
            _, end = verdict(mta, {".": reply})
            check(end == LATER, f"{options} {reply[:20]!r}: {end}")
        check(verdict(mta, {".": "garbage\n550 5.7.1 after it"})[1] == "550 5.7.1 after it", "garbage is left out")
        check(verdict(mta, {".": "250-5.0.0 one\n550 5.7.1 other"})[1] == "550 5.7.1 other", "the last reply counts")
        mta.wait_log("received garbage from proxy")
        if not options:
            mta.wait_log("timeout talking to proxy")
        mta.check_sane()
        mta.stop()


def test_many_lines_are_bounded():
    mta = instance()
    flood = "\n".join(f"550-line {n} " + "y" * 900 for n in range(400)) + "\n550 end"
    _, end = verdict(mta, {".": flood})
    check(end.startswith("550-line 0 ") and len(end) < 8000, f"{len(end)} bytes")
    mta.stop()


def dying_filter(listener, after, stop):
    """Answers well until so many bytes of content have come, then hangs up."""
    listener.settimeout(0.1)
    while not stop.is_set():
        try:
            peer, _ = listener.accept()
        except TimeoutError:
            continue
        with peer:
            peer.sendall(b"220 x\r\n")
            seen, in_data = 0, False
            while data := peer.recv(4096):
                seen += len(data) if in_data else 0
                if in_data and seen >= after:
                    break
                for line in data.split(b"\r\n") if not in_data else []:
                    if line.upper().startswith(b"DATA"):
                        in_data = True
                        peer.sendall(b"354 go\r\n")
                    elif line:
                        peer.sendall(b"250 ok\r\n")
    listener.close()


def test_a_filter_that_dies_in_the_middle_of_the_data():
    for options in ("", "smtpd_proxy_options = speed_adjust"):
        mta, stop = instance(options), threading.Event()
        thread = threading.Thread(target=dying_filter, args=(socket.create_server((mta.room.address(31), 10024)), 5000, stop))
        thread.start()
        try:
            with mta.smtp() as s:
                end = s.mail("a@b.test", "u1@virt.test", "Subject: x\n\n" + ("y" * 70 + "\n") * 20000)
                check(str(end) == LATER, str(end))
                check(s.command("NOOP").code == "250", "the session goes on")
        finally:
            stop.set()
            thread.join()
        mta.wait_log("disconnect from")
        check(len(mta.log_text().split("lost connection with proxy")) == 2, "one warning:\n" + mta.log_text())
        sink = SmtpSink(mta.room.address(31), 10024)
        with mta.smtp() as s:
            check(s.mail("a@b.test", "u1@virt.test", "Subject: again\n\nx\n").code == "250", "the filter is back")
        check(sink.wait(1)[0].data.endswith(b"Subject: again\r\n\r\nx\r\n"), "the whole message")
        sink.stop()
        mta.stop()


def test_filters_by_path_and_by_name():
    """unix: is relative to the queue directory, inet: is the default; one that dies shows that the filter was found."""
    for service, host in (("unix:private/filter", None), ("inet:@NET@.31:10024", 31), ("localhost:10024", "127.0.0.1")):
        mta = Instance("ours", main=MAIN.replace("@NET@.31:10024", service))
        if host is None:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(mta.queue / "private/filter"))
            listener.listen()
            (mta.queue / "private/filter").chmod(0o777)
        else:
            listener = socket.create_server((mta.room.address(host) if host == 31 else host, 10024))
        mta.start()
        stop = threading.Event()
        thread = threading.Thread(target=dying_filter, args=(listener, 1, stop))
        thread.start()
        try:
            with mta.smtp() as s:
                check(str(s.mail("a@b.test", "u1@virt.test", "Subject: x\n\nx\n")) == LATER, "it died")
            mta.wait_log("warning: lost connection with proxy " + re.escape(service.replace("@NET@", mta.room.net)))
        finally:
            stop.set()
            thread.join()
        mta.stop()


def test_many_sessions_share_one_process_while_the_filter_hangs():
    mta = instance()
    sink = SmtpSink(mta.room.address(31), 10024, {".": "HANG"})
    try:
        sessions = [mta.smtp() for _ in range(20)]
        for s in sessions:
            s.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "DATA")
            s.send("Subject: x\r\n\r\nx\r\n.\r\n")
        with mta.smtp() as other:
            begun = time.monotonic()
            check(other.command("NOOP").code == "250" and time.monotonic() - begun < 1, "others are served meanwhile")
        for s in sessions:
            check(str(s.read()) == LATER, "each hears that it has to come again")
            s.close()
    finally:
        sink.stop()
    mta.stop()
