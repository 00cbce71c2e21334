"""Rows about LMTP into Maildirs: lmtpd with auth and the rest of our mailbox server, and Debian's Dovecot in Postfix's column.  The
load is our smtp-source's for both; neither has a quota."""
import os
import subprocess
import time

from process_tree import cpu_seconds
from support import BUILD, Skip
from support.lmtp_pair import LmtpPair

USERS = 50  # u, 2u, 3u, ...: as smtp-source numbers recipients


def users(pair):
    uid, gid = pair.ours.mta.vmail_ids()
    names = ["u1", "u", *(f"{number}u" for number in range(2, USERS + 1))]
    line = lambda name, home: f"{name}@virt.test:{{PLAIN}}x:{uid}:{gid}::{home}/{name}::\n"
    (pair.ours.mta.conf / "users").write_text("".join(line(name, pair.ours.mail) for name in names))
    (pair.dovecot.root / "users").write_text("".join(line(name, pair.dovecot.root / "mail") for name in names))
    time.sleep(1.5)


def load(pair, side, sessions, recipients, count):
    root = pair.ours.mta.master_pid() if side == "ours" else pair.dovecot.process.pid
    socket = pair.ours.socket if side == "ours" else pair.dovecot.socket
    mail = pair.ours.mail if side == "ours" else pair.dovecot.root / "mail"
    before, start = cpu_seconds(root), time.monotonic()
    to = ["-r", str(recipients), "-t", "u@virt.test"] if recipients > 1 else ["-t", "u1@virt.test"]
    done = subprocess.run([BUILD / "bin/smtp-source", "-L", "-s", str(sessions), "-l", "4096", "-m", str(count), "-f", "load@example.test", *to,
                           f"unix:{socket}"], capture_output=True, timeout=300)
    elapsed = time.monotonic() - start
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    cpu = cpu_seconds(root) - before
    arrived = [path for folder in mail.glob("*/new") for path in folder.iterdir()]
    if len(arrived) != count * recipients:
        raise AssertionError(f"{len(arrived)} of {count * recipients} messages arrived")
    for path in arrived:
        path.unlink()
    deliveries = count * recipients
    return {"messages/s": deliveries / elapsed, "CPU ms/message": cpu * 1000 / deliveries}


def rows(scale):
    for sessions in (1, 20, 100):
        yield f"LMTP -> Maildir, {sessions} connections, 4 KB", sessions, 1, int(1500 * scale)
    yield f"LMTP -> {USERS} Maildirs at once, 4 KB", 4, USERS, int(60 * scale)


def measure(options, show):
    """Postfix's column is Dovecot's here."""
    chosen = [row for row in rows(options.scale) if options.name in row[0]]
    if not chosen:
        return
    try:
        pair = LmtpPair("lmtpd_add_received_header = yes\n", rules={})
    except Skip as why:
        print(f"LMTP: skipped: {why}")
        return
    users(pair)
    for name, sessions, recipients, count in chosen:
        results = {"ours": [], "postfix": []}
        for number in range(options.rounds + 1):
            for side in sorted(results, reverse=number % 2 == 0):
                os.sync()
                figures = load(pair, side, sessions, recipients, count if number else max(count // 10, sessions))
                if number:  # the first is for warmth
                    results[side].append(figures)
        show(name, results)
    pair.stop()
