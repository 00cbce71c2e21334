"""doveadm about the server itself, beside Debian's: processes, services, instances, sockets, errors in the log.  Which there are is each
side's affair; columns, errors and exit statuses are the same."""
import json
import os
import re
import subprocess
import time

from support import check, equal
from support.doveadm_pair import DoveadmPair

_pairs = []


def pair():
    if not _pairs:
        _pairs.append(DoveadmPair(accounts=2, more="service stats {\n  unix_listener stats-reader {\n    mode = 0600\n  }\n}\n"))
    return _pairs[0]


def test_columns():
    account = pair().account({})
    session = account.account.connect("ours")
    for line, key in (("process status", "name"), ("service status", "name"), ("instance list", "path")):
        ours, theirs = pair().ours(f"-f tab {line}"), pair().theirs(f"-f tab {line}")
        equal((ours.status, ours.err, ours.out.split(b"\n")[0]), (theirs.status, theirs.err, theirs.out.split(b"\n")[0]), line)
        ours, theirs = (json.loads(side(f"-f json {line}").out) for side in (pair().ours, pair().theirs))
        equal(list(ours[0]), list(theirs[0]), f"{line}: keys")
        check(all(isinstance(value, str) for value in ours[0].values()), ours)
        only = ours[-1][key]
        found = json.loads(pair().ours(f"-f json {line} {only if key == 'name' else ours[-1]['name']} nosuch").out)
        check(found and all(row[key] == only for row in found), f"{line} {only}: {found}")
    processes = json.loads(pair().ours("-f json process status").out)
    names = [row["name"] for row in processes]
    check({"imap-login", "auth", "imap"} <= set(names) and not {"smtpd", "qmgr", "postlogd"} & set(names), names)
    check(all(os.path.exists(f"/proc/{row['pid']}") for row in processes), processes)
    check(all(abs(int(row["last_status_update"]) - time.time()) < 300 for row in processes), processes)
    services = {row["name"]: row for row in json.loads(pair().ours("-f json service status").out)}
    equal(int(services["imap-login"]["process_total"]), names.count("imap-login"), "processes of imap-login")
    instance = json.loads(pair().ours("-f json instance list").out)[0]
    equal((instance["path"], instance["running"]), (str(pair().mail.mta.queue), "yes"), "the instance")
    session.close()


def test_what_is_not_there():
    pair().same("process status nosuch", "process", "process foo", "service", "service foo", "service status nosuch", "service stop", "service stop nosuch",
                "instance", "instance remove", "instance remove x", "-f tab instance list x", "who -a /nonexistent", "who -1 -a /nonexistent x",
                "kick -a /nonexistent x", "kick -a /nonexistent", "who -a", "log errors -s", "log errors -s 0 x")
    status, out, err = pair().ours("service stop imap-login")
    check(status == 65 and b"master.cf" in err, err)
    check(pair().ours("who -a " + str(pair().mail.mta.queue / "private/anvil")).status == 0, "a socket that is there")


def test_metrics():
    pair().same("stats dump", "-f tab stats dump", "-f json stats dump", "stats dump imap", "stats dump -f count", "stats dump -f 'count sum'", "stats dump -r",
                "stats dump -s /nonexistent", "stats dump -z", "stats")


def test_errors_since():
    mta = pair().mail.mta
    now = int(time.time())
    with open(mta.maillog, "a") as log:
        for ago, text in ((86400, "old"), (100, "new")):
            stamp = time.strftime("%b %e %H:%M:%S", time.localtime(now - ago))
            log.write(f"{stamp} mx postfix/imap[7]: error: something {text}\n")
    shown = lambda *words: [text for text in ("old", "new") if f"something {text}".encode() in pair().ours(" ".join(("log errors", *words))).out]
    equal(shown(), ["old", "new"], "all")
    equal(shown("-s", "0"), ["old", "new"], "since ever")
    equal(shown("-s", str(now - 3600)), ["new"], "since an hour")
    equal(shown("-s", str(now + 10)), [], "none")


def test_nothing_runs():
    mta = pair().mail.mta
    conf = mta.conf.parent / "stopped"
    subprocess.run(["cp", "-a", mta.conf, conf], check=True)
    queue = mta.conf.parent / "stopped-queue"
    (queue / "pid").mkdir(parents=True)
    with open(conf / "main.cf", "a") as main:
        main.write(f"\nqueue_directory = {queue}\n")
    for line in ("process status", "service status"):
        done = subprocess.run([mta.commands / "doveadm", "-c", conf, *line.split()], env=mta.environment(), capture_output=True, text=True, timeout=30)
        check(done.returncode == 75 and "not running" in done.stderr, f"{line}: {done}")


def test_what_is_not_there():
    """Penalties of addresses, of which there are none, and the service that keeps two machines' mail the same."""
    pair().same("penalty", "penalty 127.0.0.1", "penalty ::1/64", "penalty foo", "penalty 1.2.3.4/33", "penalty a b", "penalty -x",
                "-f tab penalty", "-f json penalty", "-f pager penalty", "replicator", "replicator foo", "replicator status -x",
                "replicator replicate -x", "replicator -x")
    for line in ("status", "status '*'", "dsync-status", "add bob", "remove bob", "replicate -f -p high bob", "replicate bob", "status -a /nonexistent"):
        ours, theirs = pair().ours(f"replicator {line}"), pair().theirs(f"replicator {line}")
        without_place = [re.sub(rb"unix\(.*/(.*?)\)", rb"unix(\1)", side.err) for side in (ours, theirs)]
        equal((ours.status, ours.out, without_place[0]), (theirs.status, theirs.out, without_place[1]), line)
