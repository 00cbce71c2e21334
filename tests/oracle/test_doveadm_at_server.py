"""Commands at Debian's doveadm server (-S), and mail that is fetched from there (backup and sync with tcp: and tcps:): ours and Dovecot's own
doveadm side by side."""
import pathlib
import re
import socket
import subprocess
import threading
import time

from support import certificates, check, equal
from support.doveadm_pair import DoveadmPair
from support.room import room

MORE = """
namespace archive {{
  prefix = Archive/
  separator = /
  location = maildir:~/Archive
  list = children
}}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
doveadm_password = geheim
service doveadm {{
  inet_listener {{
    port = 24245
  }}
  inet_listener tls {{
    port = 24246
    ssl = yes
  }}
}}
"""
MAIL = {"cur/1.M1.h:2,Sab": b"Subject: one\n\nbody\n", "cur/2.M2.h:2,": b"Subject: t\two\r\n\r\n.dot\x01 \r\n", ".Sent.2024/cur/3.M3.h:2,F": b"a: b\n\nx\n",
        ".Entw&APw-rfe/": b"", "dovecot-keywords": b"0 k1\n1 $K2\n", "subscriptions": b"Sent.2024\nGone\n"}
_house = []


class House:
    def __init__(self):
        self.keys = certificates.directory()
        self.authority = room().scratch / "ca.pem"  # who reads it is the user
        self.authority.write_bytes((self.keys / "ca.pem").read_bytes())
        self.pair = DoveadmPair(accounts=10, more=MORE.format(cert=self.keys / "mx.pem", key=self.keys / "mx.key"))
        self.socket = self.pair.pair.dovecot.root / "run/doveadm-server"
        self.address = self.pair.mail.address


def house():
    if not _house:
        _house.append(House())
    return _house[0]


def at_server(line, where):
    return re.sub(r"(-u|-A)", rf"-S {where} \1", line, count=1)


# Lines of ours begin with the user alone, Dovecot's sometimes with a process.
def plain(outcome):
    err = re.sub(rb"<\d+><[^>]*>|\(\d+\)", b"", outcome.err)
    return outcome.status, outcome.out, err


def test_commands():
    pair = house().pair
    account = pair.account(MAIL)
    user = account.user
    lines = [f"fetch -u {user} 'uid flags hdr.subject guid' all", f"-f json fetch -u {user} 'uid text' mailbox INBOX", f"search -u {user} all",
             f"fetch -u {user} 'uid text' all", f"mailbox list -u {user}", f"-f tab mailbox status -u {user} 'messages unseen' '*'",
             f"flags add -u {user} '\\Seen $Label1' mailbox INBOX all", f"fetch -u {user} flags all", f"mailbox list -u {user} -s -8 'S*'",
             f"mailbox create -u {user} Sent/2024", f"mailbox delete -u {user} Nope", f"mailbox status -u {user} messages Nope",
             f"fetch -u {user} uid mailbox Nope", "mailbox list -u nosuch", f"mailbox list -u '{user[:-1]}*'", f"acl get -u {user} INBOX", "mailbox list -A"]
    for line in lines:
        ours, theirs = (run(at_server(line, house().socket)) for run in (pair.ours, pair.theirs))
        if line.startswith("acl"):  # of a plug-in that Dovecot's does not know on either side
            check(ours.status == 75 and b"unknown command" in ours.err, ours.err)
            continue
        equal(plain(ours), plain(theirs), line)
    equal(plain(pair.ours(at_server(f"mailbox create -u {user} New", house().socket))), (0, b"", b""), "create")
    for name, run in (("ours", pair.ours), ("theirs", pair.theirs)):
        done = run(at_server(f"save -u {user} -m New", house().socket), b"Subject: saved\n\n.\n..dots\nno end")
        equal(plain(done), (0, b"", b""), name)
    done = pair.ours(at_server(f"-f json fetch -u {user} text mailbox New", house().socket))
    equal(done.out.count(b"saved\\n\\n.\\n..dots\\nno end"), 2, done.out)


def test_password():
    pair = house().pair
    user = pair.account(MAIL).user
    where = f"{house().address}:24245"
    for words, expected in ((["-o", "doveadm_password=geheim"], (0, b"")), (["-o", "doveadm_password=falsch"], (75, b"refuses the password")),
                            ([], (75, b"wants a password")), (["-o", "doveadm_password=geheim", "-o", "doveadm_port=24245"], (0, b""))):
        target = house().address if len(words) > 2 else where
        done = pair.ours([*words, "mailbox", "list", "-S", target, "-u", user])
        check(done.status == expected[0] and expected[1] in done.err, f"{words}: {done.status} {done.out} {done.err}")
    done = pair.ours(["mailbox", "list", "-S", house().address, "-u", user])
    check(done.status == 75 and b"doveadm_port" in done.err, f"{done.err}")


def tree(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.parent.name in ("cur", "new")}


def facts(run, user):
    """Everything that a client can see of the mail, by the server's own command."""
    boxes = run(f"-f tab mailbox status -u {user} 'messages uidnext uidvalidity guid' '*'").out
    mails = run(f"-f json fetch -u {user} 'mailbox uid guid flags date.received.unixtime text' all").out
    subscribed = run(f"mailbox list -s -u {user}").out
    return sorted(boxes.splitlines()), mails.replace(b" \\\\Recent", b"").replace(b"\\\\Recent", b"").replace(b"\\r", b""), sorted(subscribed.split())


def test_backup_from_there():
    """UIDs, GUIDs, UIDVALIDITY, flags, keywords, subscriptions and texts are those of Dovecot afterwards."""
    pair = house().pair
    account = pair.account(MAIL)
    user, address = account.user, house().address
    account.theirs(f"flags add -u {user} '\\Answered Later' mailbox INBOX uid 2")
    account.ours(f"mailbox delete -u {user} Entwürfe")
    options = ["-o", "doveadm_password=geheim"]
    done = pair.ours([*options, "backup", "-R", "-u", user, f"tcp:{address}:24245"])
    equal(plain(done), (0, b"", b""), "backup")
    equal(facts(pair.ours, user), facts(pair.theirs, user), "after the first run")
    # Changed there, and once more, over TLS.
    for line in (f"expunge -u {user} mailbox INBOX uid 1", f"mailbox create -u {user} Neu/Tief", f"flags replace -u {user} '\\Draft' mailbox Sent/2024 all"):
        equal(account.theirs(line).status, 0, line)
    account.theirs(f"save -u {user} -m Neu/Tief", input=b"Subject: new\n\n.x\n")
    authority = ["-o", f"ssl_client_ca_file={house().authority}", "-o", "doveadm_port=24246"]
    done = pair.ours([*options, *authority, "backup", "-R", "-u", user, f"tcps:{address}"])
    check(done.status == 75 and b"certificate" in done.err, f"a name that is not in the certificate: {done.err}")
    done = pair.ours([*options, *authority, "-o", "doveadm_ssl_verify=no", "backup", "-R", "-u", user, f"tcps:{address}"])
    equal(plain(done), (0, b"", b""), "backup again")
    equal(facts(pair.ours, user), facts(pair.theirs, user), "after the second run")
    # What is new here stays with sync -1; the server's socket is root's alone.
    account.ours(f"save -u {user} -m Sent/2024", input=b"Subject: ours\n\nx\n")
    account.theirs(f"save -u {user} -m Neu/Tief", input=b"Subject: newer\n\nx\n")
    done = pair.ours(["sync", "-1", "-R", "-u", user, f"tcp:{house().socket}"])
    equal(plain(done), (0, b"", b""), "sync -1")
    subjects = pair.ours(f"-f tab fetch -u {user} hdr.subject all").out.split(b"\n")[1:-1]
    equal([subjects.count(subject) for subject in (b"ours", b"newer", b"new")], [1, 1, 1], f"{subjects}")


def test_names_there():
    """INBOX's namespace may have a prefix, which nothing has here, and not be the only one; names of the first level may have a dot where "/" joins levels."""
    pair, users = house().pair, house().pair.pair.dovecot.root / "users"
    options = ["-o", "doveadm_password=geheim"]
    for fields, made, names in (("userdb_namespace/inbox/prefix=INBOX/", ["INBOX/Sent/2024", "INBOX/Neu", "Archive/2020"], ["Archive/2020", "INBOX", "Neu", "Sent/2024"]),
                                ("userdb_mail=sdbox:~/sdbox", ["Dr. House", "v1.2"], ["Dr_ House", "INBOX", "v1_2"]),
                                ("userdb_mail=sdbox:~/sdbox userdb_namespace/inbox/prefix=INBOX/", ["INBOX/v1.2/Deep"], ["INBOX", "v1_2/Deep"])):
        account = pair.account({})
        lines = [line + fields if line.startswith(f"{account.user}:") else line for line in users.read_text().splitlines()]
        users.write_text("\n".join(lines) + "\n")
        time.sleep(1.1)  # Dovecot looks at the second of its last change
        for name in ("INBOX", *made):
            for words in (["mailbox", "create", "-u", account.user, name], ["save", "-u", account.user, "-m", name]):
                done = pair.theirs(words, f"Subject: {name}\n\nx\n".encode())
                check(done.status == 0 or name == "INBOX", f"{words}: {done.err}")
        equal(pair.theirs(["mailbox", "subscribe", "-u", account.user, *made]).status, 0, "subscribe")
        for _ in range(2):  # nothing goes when it is done again
            done = pair.ours([*options, "backup", "-R", "-u", account.user, f"tcp:{house().address}:24245"])
            equal(plain(done), (0, b"", b""), fields)
            rows = pair.ours(f"-f tab mailbox status -u {account.user} messages '*'").out.decode().splitlines()[1:]
            equal(sorted(rows), sorted(f"{name}\t1" for name in names), fields)
            subscribed = pair.ours(f"mailbox list -s -u {account.user}").out.decode().splitlines()
            equal(sorted(subscribed), sorted(set(names) - {"INBOX"}), fields)
        subjects = pair.ours(f"-f tab fetch -u {account.user} hdr.subject all").out.decode().splitlines()[1:]
        equal(sorted(subjects), sorted(["INBOX", *made]), fields)


def test_what_cannot_be():
    pair = house().pair
    user, address = pair.account(MAIL).user, house().address
    options = ["-o", "doveadm_password=geheim"]
    for words, part in ((["backup", "-u", user, f"tcp:{address}:24245"], b"can only be read from"), (["sync", "-u", user, f"tcp:{address}:24245"], b"only be read"),
                        (["backup", "-R", "-u", user, f"tcp:{address}:1"], b"onnection refused"), (["backup", "-R", "-u", user, "tcp:"], b"No host")):
        done = pair.ours([*options, *words])
        check(done.status != 0 and part in done.err, f"{words}: {done.status} {done.err}")


def test_server_that_lies():
    """What makes no sense ends the run, and nothing here goes."""
    pair = house().pair
    account = pair.account(MAIL)
    before = tree(account.homes["ours"] / "Maildir")
    listening = socket.create_server(("127.0.0.1", 0))
    hello = b"VERSION\tdoveadm-client\t1\t2\n+\n"

    def frame(data, channel=b"\0"):
        return channel + len(data).to_bytes(4, "big") + data

    guid = b"0123456789abcdef0123456789abcdef"
    answers = ([b"what\n"], [b"VERSION\tdoveadm-client\t2\t2\n+\n"], [hello, b"\1\2\3\4\5\6"], [hello, frame(b"INBOX\t2\n+\n")], [hello, frame(b"INBOX\t3\t0\tx\t\n+\n")],
               [hello, frame(b"INBOX\t3\t7\t" + guid + b"\t\n+\n"), frame(b"\n+\n"), frame(b"2\tg\t\t1\t1\t\t\t1\th\t\t1\t1\t\t\t\n+\n")],
               [hello, frame(b"\n-TEMPFAIL\n")], [hello, frame(b"x" * 100, b"L") + frame(b"INBOX")], [hello, b"\0\xff\xff\xff\xff" + b"x" * 100])
    for parts in answers:
        thread = threading.Thread(target=talk, args=(listening, parts))
        thread.start()
        done = pair.ours(["backup", "-R", "-u", account.user, "-T", "5", f"tcp:127.0.0.1:{listening.getsockname()[1]}"])
        thread.join()
        check(done.status == 75 and b"rror" in done.err, f"{parts}: {done.status} {done.err}")
        equal(tree(account.homes["ours"] / "Maildir"), before, f"{parts}")
    listening.close()


def test_server_of_version_1_0():
    """It does not tell its version, and its answers have no frames."""
    pair = house().pair
    listening = socket.create_server(("127.0.0.1", 0))
    user, where = pair.account(MAIL).user, f"127.0.0.1:{listening.getsockname()[1]}"
    for parts, expected in (([b"-\n", b"+\n", b"1\tone\001nline\t2\t\t\n+\n"], (0, b"uid=1 text=one\nline\nuid=2 text=\n", b"")),
                            ([b"+\n", b"\n-NOTFOUND\n"], (68, b"", b""))):
        thread = threading.Thread(target=talk, args=(listening, parts))
        thread.start()
        done = pair.ours(["-o", "doveadm_password=geheim", "-f", "flow", "fetch", "-S", where, "-u", user, "uid text", "all"])
        thread.join()
        equal(plain(done), expected, f"{parts}")
    listening.close()


def test_who_reads_what_a_server_says():
    """Within a sandbox, as far as this kernel has one."""
    pair = house().pair
    mta = pair.mail.mta
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [mta.commands / "doveadm", "-c", mta.conf, "mailbox", "list", "-S", f"127.0.0.1:{listening.getsockname()[1]}", "-u", pair.names[0]]
        client = subprocess.Popen(command, env=mta.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with listening.accept()[0] as peer:
            status = pathlib.Path(f"/proc/{client.pid}/status").read_text()
            peer.sendall(b"what\n")
            err = client.communicate(timeout=20)[1]
    check("Seccomp:\t2" in status and "NoNewPrivs:\t1" in status, status)
    check(client.returncode == 75 and b"makes no sense" in err, f"{client.returncode} {err}")


def talk(listening, parts):
    with listening.accept()[0] as peer:
        peer.settimeout(5)
        for part in parts:
            try:
                peer.recv(65536)
                peer.sendall(part)
            except OSError:
                return
