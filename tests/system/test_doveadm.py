"""doveadm beside the IMAP server: users of several accounts, sessions that are open, and callers who are not root."""
import imaplib
import os
import subprocess
import time

from support import equal
from support.imap import PASSWORD, USERS, ImapInstance
from support.room import room

_mail = []
MESSAGE = b"Subject: hello\n\nworld\n"


def mail():
    if not _mail:
        _mail.append(ImapInstance())
    return _mail[0]


def doveadm(*words, input=b"", account=None, **environment):
    mta = mail().mta
    done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *words], env={**mta.environment(), **environment}, input=input, capture_output=True, timeout=60,
                          user=account, group=account, extra_groups=() if account else None)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_open_sessions_see_changes():
    mail().deliver("bob", MESSAGE)
    box = mail().login("bob")
    box.select()
    uid = box.uid("SEARCH", "ALL")[1][0].split()[-1].decode()
    equal(doveadm("flags", "add", "-u", "bob", "\\Flagged $Seen1", "mailbox", "INBOX", "uid", uid), (0, "", ""), "flags")
    box.noop()
    flags = box.uid("FETCH", uid, "(FLAGS)")[1][0]
    assert b"\\Flagged" in flags and b"$Seen1" in flags, flags
    equal(doveadm("save", "-u", "bob", input=b"Subject: saved\n\nby doveadm\n"), (0, "", ""), "save")
    box.noop()
    assert box.uid("SEARCH", "SUBJECT", "saved")[1][0], "the message that was saved"
    equal(doveadm("expunge", "-u", "bob", "mailbox", "INBOX", "uid", uid), (0, "", ""), "expunge")
    box.noop()
    equal(box.uid("SEARCH", "UID", uid)[1][0], b"", "what is left of the message")
    box.store("1:*", "+FLAGS", "\\Deleted")
    equal(doveadm("search", "-u", "bob", "mailbox", "INBOX", "undeleted"), (0, "", ""), "what the session has changed")
    box.logout()


def test_users_of_several_accounts():
    """Each message is its owner's, and nobody's rights are needed twice."""
    room().require_private("accounts")
    ids = {user: 60000 + i for i, user in enumerate(USERS)}
    users = mail().mta.conf / "users"
    before = users.read_text()
    users.write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}:{ids[user]}:{ids[user]}::{mail().home(user)}::\n" for user in USERS))
    for user in USERS:
        for folder, _, files in os.walk(mail().home(user)):
            for path in [folder, *(os.path.join(folder, name) for name in files)]:
                os.chown(path, ids[user], ids[user])
    time.sleep(1.1)  # auth looks at the file once a second
    status, out, err = doveadm("save", "-A", input=MESSAGE)
    equal((status, out, err), (0, "", ""), "save -A")
    status, out, err = doveadm("mailbox", "status", "-A", "messages", "INBOX")
    equal((status, err, sorted(line.split()[0] for line in out.splitlines())), (0, "", sorted(USERS)), "status -A")
    for user in USERS:
        for folder, _, files in os.walk(mail().home(user)):
            for path in [folder, *(os.path.join(folder, name) for name in files)]:
                equal(os.stat(path).st_uid, ids[user], path)
    # With another's rights, and with a name that leads out, nothing is to be had.
    status, out, err = doveadm("copy", "-u", "bob", "INBOX", "user", "alice", "mailbox", "INBOX", "all")
    assert status and "ermission denied" in err, (status, out, err)
    for name in ("../../alice/Maildir", "..", "a/../../b", "/etc"):
        status, out, err = doveadm("mailbox", "create", "-u", "bob", name)
        assert status in (64, 65), (name, status, err)
    users.write_text(before)
    for user in USERS:
        subprocess.run(["chown", "-R", "%d:%d" % mail().mta.vmail_ids(), mail().home(user)], check=True)
    time.sleep(1.1)


def test_callers_who_are_not_root():
    room().require_private("accounts")
    for words in (("user", "bob"), ("user", "*"), ("mailbox", "list", "-u", "bob"), ("mailbox", "list", "-A")):
        status, out, err = doveadm(*words, account=65534)
        assert status and "bob" not in out, (words, status, out, err)


def test_whose_mail_root_says():
    """mail_uid and mail_gid by name or number, as Dovecot's guides write them."""
    room().require_private("accounts")
    home = mail().mta.vmail / "named"
    home.mkdir()
    os.chown(home, *mail().mta.vmail_ids())
    ids = mail().mta.vmail_ids()
    for uid, gid in (("vmail", "vmail"), ids):
        status, out, err = doveadm("-o", f"mail_uid={uid}", "-o", f"mail_gid={gid}", "-o", f"mail_home={home}", "mailbox", "status", "messages", "INBOX", USER="named")
        equal((status, out, err), (0, "INBOX messages=0\n", ""), f"{uid}")
        equal((os.stat(home / "Maildir").st_uid, os.stat(home / "Maildir").st_gid), ids, "whose it is")
    status, out, err = doveadm("-o", "mail_uid=nobody-here", "-o", "mail_gid=vmail", "mailbox", "list", USER="named")
    assert status == 75 and "missing UID" in err, (status, out, err)


def test_mail_owner_does_not_hear_of_users():
    """The list of users is for root: who has taken over a daemon does not get it from auth."""
    room().require_private("accounts")
    mta = mail().mta
    script = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect('private/auth'); s.sendall(b'VERSION\\t1\\t1\\nCPID\\t1\\nLIST\\t1\\n');"
              "s.settimeout(5); data = b''\nwhile b'\\t1' not in data.split(b'DONE', 1)[-1]: data += s.recv(4096)\nprint(data.decode())")
    owner = os.stat(mta.queue / "private").st_uid
    done = subprocess.run(["python3", "-c", script], cwd=mta.queue, capture_output=True, text=True, timeout=30, user=owner)
    assert "FAIL\t1\ttemp" in done.stdout and "bob" not in done.stdout, (done.stdout, done.stderr)


def test_only_the_mailbox_server_stops():
    """What doveadm(1) says in place of Dovecot's `doveadm stop`."""
    mta = mail().mta
    mail().login("bob").logout()
    main = mta.conf / "main.cf"
    before = main.read_text()
    services = [line.split()[0] for line in (mta.conf / "master.cf").read_text().splitlines() if "imap-login" in line and line[0] != "#"]
    main.write_text(before + "master_service_disable = " + " ".join(f"{name}/inet" for name in services) + "\n")
    equal(doveadm("reload"), (0, "", ""), "reload")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            imaplib.IMAP4(mail().address, 1430, timeout=5).logout()
        except ConnectionRefusedError:
            break
        except (ConnectionResetError, imaplib.IMAP4.abort):
            pass  # while it goes
        time.sleep(0.1)
    else:
        raise AssertionError("it still takes connections")
    equal(doveadm("user", "bob")[0], 0, "the others go on")
    main.write_text(before)
    equal(doveadm("reload"), (0, "", ""), "reload")
    end = time.monotonic() + 10
    while True:
        try:
            mail().login("bob").logout()
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end, "it comes back"
            time.sleep(0.1)


def add_users(*lines):
    users = mail().mta.conf / "users"
    with open(users, "a") as file:
        file.write("".join(line + "\n" for line in lines))
    end, last = time.monotonic() + 10, lines[-1].split(":")[0]
    while doveadm("user", last)[0] != 0:  # the file is looked at once a second
        assert time.monotonic() < end, f"{last} is known"
        time.sleep(0.05)


def test_who_may_not_log_in_has_his_mail():
    """Dovecot's field nologin is about logins: commands for all users find him, as mail does."""
    uid, gid = mail().mta.vmail_ids()
    home = mail().home("bob")
    add_users(f"barred:{{PLAIN}}x:{uid}:{gid}::{home}::nologin")
    status, out, err = doveadm("user", "barred")
    equal((status, err, "nologin" in out, str(home) in out), (0, "", False, True), out)
    status, out, err = doveadm("user", "-u", "barred")
    equal((status, err, "nologin" in out, str(home) in out), (0, "", False, True), out)
    equal(doveadm("mailbox", "status", "-u", "barred", "messages", "INBOX")[0], 0, "his mailbox")
    equal(doveadm("mailbox", "list", "-A")[0], 0, "all users")


def test_fields_of_24():
    """What databases of users say for Dovecot 2.4; the names of 2.3 go before, and what it leaves open is as for everybody."""
    uid, gid = mail().mta.vmail_ids()
    main = mail().mta.conf / "main.cf"
    before = main.read_text()
    main.write_text(before + "imap_mail_location = mbox:~/mail\nquota_root_name = Q\nquota_rules = *:storage=1G\n")
    equal(doveadm("reload"), (0, "", ""), "reload")
    entry = f"{{PLAIN}}x:{uid}:{gid}::{mail().home('bob')}::"
    add_users(f"later:{entry}userdb_mail_driver=maildir userdb_mail_path=~/Mail userdb_mail_index_path=/var/index userdb_quota_storage_size=2G userdb_quota_message_count=100",
              f"half:{entry}userdb_mail_path=~/Mail userdb_quota_message_count=100", f"free:{entry}userdb_quota_storage_size=unlimited userdb_quota_message_count=7",
              f"both:{entry}userdb_mail=mbox:~/mail userdb_mail_path=~/Mail userdb_quota_storage_size=1000")
    end = time.monotonic() + 10
    while doveadm("user", "-f", "mail", "half")[1] != "mbox:~/Mail\n":  # until the new configuration is read
        assert time.monotonic() < end, doveadm("user", "half")
        time.sleep(0.05)
    for user, where, rule in (("later", "maildir:~/Mail:INDEX=/var/index", "*:storage=2G:messages=100"), ("half", "mbox:~/Mail", "*:messages=100"),
                              ("free", "mbox:~/mail", "*:bytes=0:messages=7"), ("both", "mbox:~/mail", "*:bytes=1000")):
        equal(doveadm("user", "-f", "mail", user), (0, where + "\n", ""), f"where the mail of {user} is")
        out = doveadm("user", user)[1]
        assert f"\t{rule}\n" in out, out
    for user, limits in (("half", ["1048576", "100"]), ("free", ["-", "7"]), ("later", ["2097152", "100"])):
        status, out, err = doveadm("-f", "tab", "quota", "get", "-u", user)
        equal((status, [line.split("\t")[3] for line in out.splitlines()[1:]], err), (0, limits, ""), f"the limits of {user}")
    main.write_text(before)
    equal(doveadm("reload"), (0, "", ""), "reload")
