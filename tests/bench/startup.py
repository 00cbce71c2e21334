"""Rows about what a program costs before it does anything: commands, and a daemon for each connection."""
import os
import subprocess
import time

COMMANDS = 100
CONNECTIONS = 50
# Each process serves one client and ends, so that every connection starts the next one.
ONE_CLIENT = "max_use = 1\ndefault_sessions_per_process = 1\n"


def command(mta, name, *arguments, input=b""):
    """The same command again and again: wall-clock and processor time of one, its children's included."""
    before, start = os.times(), time.monotonic()
    for _ in range(COMMANDS):
        subprocess.run([mta.commands / name, *arguments], input=input, check=True, stdout=subprocess.DEVNULL,
                       env=mta.environment(), timeout=20)
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return {"ms/start": (time.monotonic() - start) * 1000 / COMMANDS, "CPU ms/start": cpu * 1000 / COMMANDS}


def connections(mta, cpu_seconds):
    """One session after the other, each with a process of its own."""
    before, start = cpu_seconds(mta), time.monotonic()
    for _ in range(CONNECTIONS):
        with mta.smtp() as session:
            session.talk("QUIT")
    return {"ms/start": (time.monotonic() - start) * 1000 / CONNECTIONS,
            "CPU ms/start": (cpu_seconds(mta) - before) * 1000 / CONNECTIONS}


def rows(cpu_seconds):
    yield "start of postconf -n", lambda mta: command(mta, "postconf", "-n"), ""
    yield "start of postconf -h myhostname", lambda mta: command(mta, "postconf", "-h", "myhostname"), ""
    yield "start of postmap -q", lambda mta: command(mta, "postmap", "-q", "x", "static:y"), ""
    yield "start of sendmail -bs and smtpd", lambda mta: command(mta, "sendmail", "-bs", input=b"QUIT\r\n"), ""
    yield "start of smtpd by master", lambda mta: connections(mta, cpu_seconds), ONE_CLIENT
