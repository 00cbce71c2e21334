"""rmail hands a message to sendmail: it arrives whole, and a broken one not at all."""
import os
import subprocess

from support import check, equal
from support.instance import Instance


def test_a_message_from_uucp_arrives():
    mta = Instance("ours").start()
    body = "".join(f"line {number} \xe4\n" for number in range(20000))
    text = f"From user Sat Jan  1 00:00:00 2000 remote from host1\n>From x!y Sat Jan  1 2000\nSubject: by uucp\n\n{body}.\nlast\n"
    output = mta.run("rmail", "u1@virt.test", "u2@virt.test", input=text)
    equal(output.status, 0, output)
    mta.settle()
    for name in ("u1", "u2"):
        (message,) = mta.virtual(name)
        check(b"Return-Path: <x!y@host1>" in message, message[:300])  # swap_bangpath
        check(message.endswith(b"\n.\nlast\n"), message[-50:])
        equal(message.count(b"\nline "), 20000, "lines")
    equal(mta.run("rmail", "-T", "u1@virt.test", input="From a x\n\n.\nx\n").status, 0, "another")
    mta.settle()
    equal(len(mta.virtual("u1")), 2, "messages")


def test_sendmail_says_how_it_ends():
    mta = Instance("ours", main="message_size_limit = 1000").start()
    output = mta.run("rmail", "u1@virt.test", input="From a x\n\n" + "x" * 5000 + "\n")
    check(output.status not in (0, 71), output)
    mta.set_main("sendmail_path = /nonexistent/sendmail")
    output = mta.run("rmail", "u1@virt.test", input="From a x\n\nx\n")
    equal(output.status, 71, output)
    check(output.stderr.endswith("rmail: /nonexistent/sendmail: No such file or directory\n"), output)


def test_a_message_cut_short_is_not_sent():
    """Standard input that cannot be read to its end: a directory in its place."""
    mta = Instance("ours").start()
    folder = os.open("/", os.O_RDONLY)
    done = subprocess.run(["rmail", "u1@virt.test"], executable=mta.commands / "rmail", stdin=folder, capture_output=True,
                          timeout=20, env=mta.environment(), cwd="/")
    os.close(folder)
    check(done.returncode in (65, 71), done)
    equal(mta.queue_files(), [], "queue")
