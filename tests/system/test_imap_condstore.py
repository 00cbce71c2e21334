"""CONDSTORE and QRESYNC (RFC 7162): the examples of the RFC, and what becomes of the numbers when files are lost or others change things."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill

ORDERLY = "orderly"
_mail = None


def instance():
    global _mail
    _mail = _mail or ImapInstance()
    return _mail


_boxes = 0


def new_box(client, count=5):
    """A mailbox of its own for a test, with so many messages."""
    global _boxes
    _boxes += 1
    name = f"box{_boxes}"
    client.ok(f"CREATE {name}")
    if count:
        fill(client, [b"Subject: m%d\r\n\r\nbody %d\r\n" % (i, i) for i in range(1, count + 1)], name.encode())
    return name


def number(lines, code):
    found = [int(m[1]) for line in lines for m in [re.search(code.encode() + rb" (\d+)", line)] if m]
    return found[0] if found else None


def modseqs(lines):
    """{sequence number or UID: modseq} of FETCH answers; the UID where it is told."""
    found = {}
    for line in lines:
        m = re.match(rb"\* (\d+) (?:UID)?FETCH \((.*)\)$", line)
        if m and b"MODSEQ" in m[2]:
            uid = re.search(rb"UID (\d+)", m[2])
            found[int(uid[1] if uid else m[1])] = int(re.search(rb"MODSEQ \((\d+)\)", m[2])[1])
    return found


def without_numbers(lines):
    return [re.sub(rb"(MODSEQ \(?)\d+", rb"\1n", line) for line in lines]


def opened(client, name, how=" (CONDSTORE)"):
    """(UIDVALIDITY, HIGHESTMODSEQ, the lines of the answer)."""
    lines = client.ok(f"SELECT {name}{how}")
    return number(lines, "UIDVALIDITY"), number(lines, "HIGHESTMODSEQ"), lines


def directory(name):
    return instance().maildir("bob") / ("." + name)


def test_offered():
    client = Client(instance())
    words = client.ok("CAPABILITY")[0].split()
    check({b"ENABLE", b"CONDSTORE", b"QRESYNC"} <= set(words), f"{words}")
    equal(client.ok("ENABLE CONDSTORE"), [b"* ENABLED CONDSTORE"], "ENABLE CONDSTORE")
    equal(client.ok("ENABLE CONDSTORE FOO QRESYNC"), [b"* ENABLED QRESYNC"], "only what is new")
    # 3.1.2.1: the number is told with every SELECT, also to who has not asked for it
    other = Client(instance())
    check(opened(other, "INBOX", "")[1] > 1, "HIGHESTMODSEQ without CONDSTORE")
    check(b"MODSEQ" not in b"".join(other.ok("NOOP")), "no more than that")


def test_fetch_and_store():
    client = Client(instance())
    name = new_box(client)
    _, highest, lines = opened(client, name)
    check(b"NOMODSEQ" not in b"".join(lines), f"{lines}")
    before = modseqs(client.ok("UID FETCH 1:5 (FLAGS MODSEQ)"))
    equal(set(before), {1, 2, 3, 4, 5}, "all have one")
    check(max(before.values()) <= highest, f"{before} {highest}")
    # 3.1.3, examples 3 and 4: a conditional STORE of one message that nobody has changed
    lines = client.ok(f"UID STORE 4 (UNCHANGEDSINCE {highest}) +FLAGS.SILENT (\\Deleted)")
    equal(without_numbers(lines), [b"* 4 FETCH (UID 4 MODSEQ (n))"], "silent, but for the number")
    changed = modseqs(lines)[4]
    check(changed > highest, f"{changed} {highest}")
    equal(client.command(f"STORE 4 (UNCHANGEDSINCE {highest}) +FLAGS (\\Seen)")[-1][:18], b"OK [MODIFIED 4] Co", "changed since")
    equal(client.command(f"UID STORE 3:5 (UNCHANGEDSINCE {highest}) +FLAGS.SILENT ($Processed)")[-1][:16], b"OK [MODIFIED 4] ", "one of three")
    equal([b"$Processed" in line for line in client.ok("FETCH 3:5 (FLAGS)")], [True, False, True], "the others were changed")
    equal(client.command(f"STORE 1:5 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)")[-1][:18], b"OK [MODIFIED 1:5] ", "0 never holds")
    # 3.1.3: a STORE without condition, and without silence
    lines = client.ok("STORE 1 +FLAGS (\\Flagged)")
    equal(without_numbers(lines), [b"* 1 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (n))"], "with its number")
    lines = client.ok("STORE 1 +FLAGS (\\Flagged)")
    equal(modseqs(lines)[1], modseqs(client.ok("FETCH 1 (MODSEQ)"))[1], "what does not change keeps it")
    # 3.1.4.1: CHANGEDSINCE
    equal(set(modseqs(client.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {highest})"))), {1, 3, 4, 5}, "CHANGEDSINCE")
    equal(client.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseqs(lines)[1]})"), [], "nothing since then")
    # FLAGS that come unasked, with the number
    other = Client(instance())
    opened(other, name, "")
    other.ok("STORE 2 FLAGS (\\Answered)")
    equal(without_numbers(client.ok("NOOP")), [b"* 2 FETCH (FLAGS (\\Answered \\Recent) MODSEQ (n))"], "of another session")
    # What BODY[] does to flags
    lines = client.ok("FETCH 5 (BODY[TEXT])")
    check(b"\\Seen" in lines[0] and b"MODSEQ" in lines[0], f"{lines}")


def test_search_and_status():
    client = Client(instance())
    name = new_box(client)
    _, highest, _ = opened(client, name, "")
    client.ok("STORE 1,3,5 +FLAGS.SILENT (\\Draft)")
    opened(client, name)
    now = modseqs(client.ok("FETCH 1:* (MODSEQ)"))
    top = max(now.values())
    client.ok("STORE 2 +FLAGS.SILENT (\\Draft)")
    later = modseqs(client.ok("FETCH 2 (MODSEQ)"))[2]
    # 3.1.5, example 9 and 10; the name of a flag changes nothing, since all flags have one number
    equal(client.ok(f'SEARCH MODSEQ "/flags/\\\\draft" all {top + 1}'), [b"* SEARCH 2 (MODSEQ %d)" % later], "MODSEQ of an entry")
    equal(client.ok(f"SEARCH OR NOT MODSEQ {top + 1} LARGER 50000"), [b"* SEARCH 1 3 4 5 (MODSEQ %d)" % top], "in OR and NOT")
    equal(client.ok(f"UID SEARCH MODSEQ {later + 1}"), [b"* SEARCH"], "nothing found, no number")
    equal(client.ok(f"SEARCH RETURN (MIN MAX) MODSEQ 1"), [b'* ESEARCH (TAG "a%d") MIN 1 MAX 5 MODSEQ %d' % (client.count, top)], "RFC 4731 3.2")
    equal(client.ok(f"SEARCH RETURN (ALL COUNT) MODSEQ 1"),
          [b'* ESEARCH (TAG "a%d") ALL 1:5 COUNT 5 MODSEQ %d' % (client.count, later)], "of all")
    equal(client.ok(f"SORT (SUBJECT) UTF-8 MODSEQ {top + 1}"), [b"* SORT 2 (MODSEQ %d)" % later], "SORT")
    equal(client.command('SEARCH MODSEQ "/nothing" all 1')[-1][:3], b"BAD", "an entry that cannot be")
    equal(client.command("SEARCH MODSEQ 9223372036854775808")[-1][:3], b"BAD", "64 bits")
    lines = client.ok(f"STATUS {name} (UIDVALIDITY HIGHESTMODSEQ MESSAGES DELETED)")
    check(re.search(rb"MESSAGES 5 .*DELETED 0 HIGHESTMODSEQ %d\)" % later, lines[0]), f"{lines}")
    # STATUS and SEARCH ask for numbers from then on
    fresh = Client(instance())
    opened(fresh, name, "")
    fresh.ok("STATUS INBOX (HIGHESTMODSEQ)")
    check(modseqs(fresh.ok("STORE 1 FLAGS ()")), "FETCH with MODSEQ")


def test_arguments():
    client = Client(instance())
    name = new_box(client, 2)
    for bad in ("(QRESYNC (1 2))", "(FOO)", "()", "(CONDSTORE", "(QRESYNC)", "(CONDSTORE FOO)"):
        equal(client.command(f"SELECT {name} {bad}")[-1][:3], b"BAD", bad)
    client.ok("ENABLE QRESYNC")
    for bad in ("(QRESYNC (0 2))", "(QRESYNC (1 0))", "(QRESYNC (1))", "(QRESYNC (1 2 *))", "(QRESYNC (1 2 1:* (1 2)))", "(QRESYNC (1 2 1:2 (1:2 3)))",
                "(QRESYNC (1 2 1:2 (1 *)))", "(QRESYNC (1 9223372036854775808))", "(QRESYNC (1 2 3 (4 5) 6))", "(QRESYNC (1 2) QRESYNC (1 2))"):
        equal(client.command(f"SELECT {name} {bad}")[-1][:3], b"BAD", bad)
    for good in ("(QRESYNC (1 2))", "(QRESYNC (1 2 1:4294967295))", "(QRESYNC (1 2 (1 1)))", "(CONDSTORE QRESYNC (1 2 1:2 (1:2 5,7)))"):
        client.ok(f"SELECT {name} {good}")
    for bad in ("FETCH 1 FLAGS (CHANGEDSINCE)", "FETCH 1 FLAGS (CHANGEDSINCE x)", "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "UID FETCH 1 FLAGS (VANISHED)",
                "UID FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)", "STORE 1 (UNCHANGEDSINCE) FLAGS ()", "STORE 1 (FOO 1) FLAGS ()",
                "STORE 1 (UNCHANGEDSINCE 1 FOO) FLAGS ()", "FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)"):
        equal(client.command(bad)[-1][:3], b"BAD", bad)
    plain = Client(instance())
    opened(plain, name, "")
    equal(plain.command("UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)")[-1][:3], b"BAD", "VANISHED needs QRESYNC")


def test_qresync():
    client, other = Client(instance()), Client(instance())
    name = new_box(client, 12)
    client.ok("ENABLE QRESYNC")
    validity, highest, _ = opened(client, name)
    opened(other, name)
    # 3.2.7 and 3.2.10: UIDs instead of numbers
    other.ok("STORE 3,5:7 +FLAGS.SILENT (\\Deleted)")
    client.ok("NOOP")
    lines = client.command("EXPUNGE")
    equal(lines[:-1], [b"* VANISHED 3,5:7", b"* 8 RECENT"], "instead of EXPUNGE")
    gone = number(lines[-1:], "HIGHESTMODSEQ")
    check(gone > highest, f"{lines}")
    equal(other.ok("NOOP"), [b"* %d EXPUNGE" % i for i in (7, 6, 5, 3)], "without QRESYNC as ever")
    other.ok("STORE 1 +FLAGS (\\Seen)")
    equal(without_numbers(client.ok("NOOP")), [b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) MODSEQ (n))"], "with its UID")
    fill(other, [b"Subject: later\r\n\r\nx\r\n"], name.encode())
    # 3.2.5.1: who comes back
    back = Client(instance())
    equal(back.command(f"SELECT {name} (QRESYNC ({validity} {highest}))")[-1][:3], b"BAD", "only when it is enabled")
    back.ok("ENABLE QRESYNC")

    def resynced(arguments):
        lines = back.ok(f"SELECT {name} (QRESYNC ({arguments}))")
        return ([line for line in lines if b"VANISHED" in line], set(modseqs(lines)))
    equal(resynced(f"{validity} {highest}"), ([b"* VANISHED (EARLIER) 3,5:7"], {1, 13}), "all since then")
    equal(resynced(f"{validity} {gone}"), ([], {1, 13}), "since the expunge")
    equal(resynced(f"{validity} {highest} 1:6"), ([b"* VANISHED (EARLIER) 3,5:6"], {1}), "of known UIDs")
    equal(resynced(f"{validity} {highest} 7:12 (1:2 1:2)"), ([b"* VANISHED (EARLIER) 7"], set()), "with a match")
    equal(resynced(f"{validity + 1} {highest}"), ([], set()), "another UIDVALIDITY: as if nothing were known")
    # older than all we know of: what is not there is told, from the first message that is not where it was
    equal(resynced(f"{validity} 1")[0], [b"* VANISHED (EARLIER) 3,5:7"], "from long ago")
    equal(resynced(f"{validity} 1 1:12 (3,4 3,4)")[0], [b"* VANISHED (EARLIER) 3,5:7"], "no match")
    equal(resynced(f"{validity} 1 1:12 (2,3 2,4)")[0], [b"* VANISHED (EARLIER) 5:7"], "up to UID 4 all is well")
    equal(resynced(f"{validity} 9000000000000000000"), ([b"* VANISHED (EARLIER) 3,5:7"], {1, 2, 4, 8, 9, 10, 11, 12, 13}), "a number never told")
    # 3.2.6: UID FETCH with VANISHED
    lines = back.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest} VANISHED)")
    equal(lines[0], b"* VANISHED (EARLIER) 3,5:7", "before the others")
    equal(set(modseqs(lines)), {1, 13}, "VANISHED and FETCH")
    equal(without_numbers(back.ok(f"UID FETCH 5,7 (FLAGS) (CHANGEDSINCE {highest} VANISHED)")), [b"* VANISHED (EARLIER) 5,7"], "of those asked for")
    # 3.2.8: CLOSE and UID EXPUNGE tell the number, MOVE as well
    back.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    lines = back.command("UID EXPUNGE 1:2")
    equal((lines[0], lines[-1][:18]), (b"* VANISHED 1", b"OK [HIGHESTMODSEQ "), "UID EXPUNGE")
    lines = back.command("UID MOVE 2 INBOX")
    equal((lines[1], lines[-1][:18]), (b"* VANISHED 2", b"OK [HIGHESTMODSEQ "), "MOVE")
    back.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    lines = back.command("CLOSE")
    check(lines[-1].startswith(b"OK [HIGHESTMODSEQ ") and not any(b"VANISHED" in line for line in lines[:-1]), f"{lines}")
    # 3.2.10.2: not while numbers are in use
    client.ok("NOOP")
    other.ok("NOOP")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    check(not any(b"VANISHED" in line for line in client.command("FETCH 1:* (UID)")), "held back during FETCH")
    check(any(b"VANISHED" in line for line in client.ok("NOOP")), "told then")


def imap_processes():
    """The processes of this instance's imap service, with their parents."""
    parents, names = {}, {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        parents[int(stat.parent.name)], names[int(stat.parent.name)] = int(tail.split()[1]), head.split("(", 1)[1]
    master = int((instance().mta.queue / "pid/master.pid").read_text())

    def ours(pid):
        while pid > 1 and pid != master:
            pid = parents.get(pid, 0)
        return pid == master
    return {pid: parents[pid] for pid, name in names.items() if name == "imap" and ours(parents[pid])}


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end_sessions(how, *clients):
    """ORDERLY: the clients go, then the service; the user's process writes down what it knows.  Or a signal for all."""
    found = imap_processes()
    check(found, "nobody serves")
    for client in clients:
        client.sock.close()
    for pid in [pid for pid, parent in found.items() if parent not in found] if how == ORDERLY else found:
        try:
            os.kill(pid, signal.SIGTERM if how == ORDERLY else how)
        except ProcessLookupError:
            pass
    for _ in range(100):
        if not any(runs(pid) for pid in found):
            return
        time.sleep(0.1)
    raise AssertionError(f"still there: {[pid for pid in found if runs(pid)]} of {found}")


def quick(client):
    client.ok("ENABLE QRESYNC")
    return client


def test_numbers_survive():
    """A new process knows what the one before has told, however it ended."""
    for how in (ORDERLY, signal.SIGKILL):
        client = quick(Client(instance()))
        name = new_box(client, 6)
        validity, first, _ = opened(client, name)
        flagged = modseqs(client.ok("UID STORE 2 +FLAGS (\\Flagged)"))[2]
        client.ok("UID STORE 5 +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        # There and back again: what a look at the files cannot show
        once = modseqs(client.ok("UID STORE 3 +FLAGS (\\Seen)"))[3]
        twice = modseqs(client.ok("UID STORE 3 -FLAGS (\\Seen)"))[3]
        end_sessions(how, client)
        again = quick(Client(instance()))
        _, highest, lines = opened(again, name, f" (QRESYNC ({validity} {first}))")
        equal([line for line in lines if b"VANISHED" in line], [b"* VANISHED (EARLIER) 5"], f"after {how}")
        equal({uid for uid in modseqs(lines)}, {2, 3}, f"after {how}")
        check(highest >= twice, f"{highest} {twice}")
        _, _, lines = opened(again, name, f" (QRESYNC ({validity} {once}))")
        check(3 in modseqs(lines) and not any(b"VANISHED" in line for line in lines), f"{how}: {lines}")
        if how == ORDERLY:
            equal(modseqs(again.ok("UID FETCH 2 (MODSEQ)"))[2], flagged, "the same number")


def test_files_that_are_lost():
    """Missing, torn, of another time or machine: no UID changes, and the numbers are higher than any that was told."""
    def cut(path):
        data = path.read_bytes()
        path.write_bytes(data[:-5])

    def garbage(path):
        path.write_bytes(os.urandom(300))

    def flip(path):
        data = bytearray(path.read_bytes())
        data[-10] ^= 0x55
        path.write_bytes(data)

    def copied(path):
        shutil.copy2(path, path.with_suffix(".x"))
        path.unlink()
        path.with_suffix(".x").rename(path)

    def other_boot(path):
        data = bytearray(path.read_bytes())
        data[40:44] = b"0000"
        path.write_bytes(data)
        (path.parent / "cur").touch()  # and something has happened
    ways = [(name, act) for act in (pathlib.Path.unlink, cut, garbage, flip) for name in ("relais.changes", "relais.index")]
    ways += [("relais.changes", copied), ("relais.changes", other_boot)]
    client = quick(Client(instance()))
    box = new_box(client, 6)
    for name, act in ways:
        client = quick(Client(instance()))
        validity, _, _ = opened(client, box)
        client.ok("UID STORE 2 +FLAGS (\\Flagged)")
        told = modseqs(client.ok("UID STORE 2 -FLAGS (\\Flagged)"))[2]
        end_sessions(ORDERLY, client)
        act(directory(box) / name)
        again = quick(Client(instance()))
        same, highest, lines = opened(again, box, f" (QRESYNC ({validity} {told}))")
        what = f"{name} {act.__name__}"
        equal(same, validity, what)
        equal([line for line in again.ok("UID SEARCH ALL")], [b"* SEARCH 1 2 3 4 5 6"], what)
        check(highest > told, f"{what}: {highest} {told}")
        equal(set(modseqs(lines)), {1, 2, 3, 4, 5, 6}, f"{what}: all are told")
        equal(modseqs(again.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest})")), {}, f"{what}: once")
        again.sock.close()


def test_changes_beside_us():
    """What another program does to the files gets a higher number, while a session is there and while none is."""
    client = quick(Client(instance()))
    box = new_box(client, 5)
    validity, first, _ = opened(client, box)

    def rename(old, new):
        found = next(path for path in (directory(box) / "cur").iterdir() if path.name.endswith(old))
        found.rename(found.with_name(found.name.removesuffix(old) + new))
    client.ok("STORE 1:5 +FLAGS.SILENT (\\Answered)")
    at = modseqs(client.ok("FETCH 1:5 (MODSEQ)"))[1]
    rename(":2,R", ":2,RS")
    lines = client.ok("NOOP")
    (uid, seen), = modseqs(lines).items()
    check(seen > at, f"{lines}")
    next(path for path in (directory(box) / "cur").iterdir() if path.name.endswith(":2,R")).unlink()
    gone = client.ok("NOOP")
    check(gone[0].startswith(b"* VANISHED "), f"{gone}")
    _, highest, _ = opened(client, box)
    check(highest > seen, f"{highest} {seen}")
    end_sessions(ORDERLY, client)
    rename(":2,RS", ":2,FRS")
    victim = next(path for path in (directory(box) / "cur").iterdir() if path.name.endswith(":2,R"))
    victim.unlink()
    again = quick(Client(instance()))
    _, later, lines = opened(again, box, f" (QRESYNC ({validity} {highest}))")
    equal((set(modseqs(lines)), len([line for line in lines if b"VANISHED" in line])), ({uid}, 1), f"{lines}")
    check(later > highest and not any(b"VANISHED (EARLIER) " + gone[0].split()[-1] in line for line in lines), f"{lines}")
    # since the beginning: all of it
    _, _, lines = opened(again, box, f" (QRESYNC ({validity} {first}))")
    check(sum(len(line.split()[-1].replace(b":", b",").split(b",")) for line in lines if b"VANISHED" in line) == 2, f"{lines}")


def test_unused_numbers_cost_nothing():
    """Who asks for no numbers leaves no file with such, and a mailbox gets one when somebody does."""
    client = Client(instance())
    box = new_box(client, 3)
    opened(client, box, "")
    client.ok("STORE 1 +FLAGS (\\Seen)")
    client.ok("FETCH 1:* (UID FLAGS)")
    check(not (directory(box) / "relais.changes").exists(), "nobody has asked")
    client.ok("FETCH 1 (MODSEQ)")
    check((directory(box) / "relais.changes").exists(), "now somebody has")


def test_no_room_for_numbers():
    """Where nothing can be written there are no numbers, and who asks for them hears so (3.1.2.2)."""
    client = Client(instance())
    box = new_box(client, 2)
    (directory(box) / "relais.changes.tmp").mkdir()  # not even root could open that
    _, _, lines = opened(client, box)
    check(any(b"[NOMODSEQ]" in line for line in lines) and not any(b"HIGHESTMODSEQ" in line for line in lines), f"{lines}")
    for command in ("FETCH 1 MODSEQ", "FETCH 1 FLAGS (CHANGEDSINCE 1)", "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()", "SEARCH MODSEQ 1"):
        equal(client.command(command)[-1][:3], b"BAD", command)
    client.ok("STORE 1 +FLAGS (\\Seen)")
