"""Who is believed by the IMAP services, with which ids they run, and whose mail a process serves."""
import array
import contextlib
import encodings.idna  # the intruder can read no files
import imaplib
import os
import pickle
import re
import signal
import socket
import threading
import time

from support import bound, check, equal
from support.imap import IMAP, PASSWORD, ImapInstance

OLD, NEW = b"Subject: old\r\n\r\nof the former owner\r\n", b"Subject: new\r\n\r\nof the new one\r\n"


# -- an intruder with the rank of mail_owner ---------------------------------------------------------


def as_owner(mail, job):
    """What `job` returns in a process that has mail_owner's ids and nothing else."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if mail.mta.room.private:
                ids = os.stat(mail.mta.queue / "private")
                os.setgroups([])
                os.setgid(ids.st_gid)
                os.setuid(ids.st_uid)
            os.chdir(mail.mta.queue)
            os.write(writing, pickle.dumps(job()))
        except BaseException as error:  # told to the test, which is in the other process
            os.write(writing, pickle.dumps(error))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pickle.loads(pipe.read())
    os.waitpid(pid, 0)
    if isinstance(result, BaseException):
        raise result
    return result


def sit_in_place_of(name):
    """A socket of the intruder's own under a service's name."""
    os.rename(f"private/{name}", f"private/{name}.real")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"private/{name}")
    os.chmod(f"private/{name}", 0o666)
    listener.listen(10)
    listener.settimeout(3)
    return listener


def serve_lies(listener, user, told):
    """An auth service that lets everybody in as `user` (name, fields)."""
    try:
        while True:
            client, _ = listener.accept()
            client.settimeout(3)
            client.sendall(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tcafe\nDONE\n")
            for line in client.makefile("r"):
                told.append(line)
                words = line.rstrip("\n").split("\t")
                if words[0] in ("REQUEST", "USER"):
                    client.sendall(f"USER\t{words[1]}\t{user}\n".encode())
                elif words[0] == "AUTH":
                    client.sendall(f"OK\t{words[1]}\tuser={user}\n".encode())
    except OSError:
        pass


def hand_over(path):
    """Hands a connection to the imap service as imap-login does: its answer, and what the connection then says."""
    service, (ours, theirs) = socket.socket(socket.AF_UNIX), socket.socketpair()
    service.settimeout(8)
    service.connect(path)
    service.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
    theirs.close()
    fields = {"cookie": "cafe", "client_pid": os.getpid(), "request": 1, "tag": "x", "input": "", "remote_address": "h",
              "local_address": "h", "secured": 0}
    service.sendall("".join(f"{name}\0{value}\0" for name, value in fields.items()).encode() + b"\0")
    try:
        answer = service.recv(1000)
    except TimeoutError:
        answer = b"(nothing)"
    ours.settimeout(1)
    try:
        return answer, ours.recv(1000)
    except OSError:
        return answer, b""


def lie_about(mail, user):
    """The intruder takes auth's place and hands a connection over."""
    def job():
        told = []
        listener = sit_in_place_of("auth")
        threading.Thread(target=serve_lies, args=(listener, user, told), daemon=True).start()
        outcome = hand_over("private/imap")
        os.rename("private/auth.real", "private/auth")
        return outcome, told
    return as_owner(mail, job)


def check_refused(mail, outcome):
    answer, said = outcome
    check(b"status\x000\x00" not in answer, f"the hand-over was taken: {answer}")
    check(b"Logged in" not in said, f"a session without a password: {said}")
    # A service that is connected with the right auth already does not even look for the false one.
    mail.mta.wait_log("private/auth is not the socket that master|the auth service does not know of this login")
    mail.mta.mark()


@bound(60)
def test_a_false_auth_names_another_user():
    mail = ImapInstance()
    uid, gid = mail.mta.vmail_ids()
    outcome, told = lie_about(mail, f"bob\tuid={uid}\tgid={gid}\thome={mail.home('bob')}")
    check_refused(mail, outcome)
    equal(told, [], "what the false auth was told")
    # One who is logged in has a process already, to which nothing must be handed over either.
    client = mail.login("bob")
    outcome, _ = lie_about(mail, f"bob\tuid={uid}\tgid={gid}\thome={mail.home('bob')}")
    check_refused(mail, outcome)
    client.noop()
    mail.login("alice").logout()
    mail.stop()


@bound(60)
def test_a_false_auth_names_root():
    mail = ImapInstance()
    outcome, _ = lie_about(mail, f"toor\tuid=0\tgid=0\thome={mail.home('bob')}")
    check_refused(mail, outcome)
    mail.stop()


@bound(60)
def test_passwords_are_not_told_to_a_false_auth():
    mail = ImapInstance()

    def job():
        told = []
        listener = sit_in_place_of("auth")
        threading.Thread(target=serve_lies, args=(listener, "bob", told), daemon=True).start()
        try:
            imaplib.IMAP4(mail.address, IMAP, timeout=10).login("bob", PASSWORD)
            told.append("logged in")
        except (imaplib.IMAP4.error, OSError) as error:
            reason = str(error)
        return told, reason
    told, reason = as_owner(mail, job)
    equal(told, [], "what the false auth was told")
    check("UNAVAILABLE" in reason, reason)
    mail.mta.wait_log("private/auth is not the socket that master")
    mail.stop()


@bound(60)
def test_connections_are_not_handed_to_a_false_imap():
    mail = ImapInstance()

    def job():
        listener, told = sit_in_place_of("imap"), []

        def listen():
            client, _ = listener.accept()
            told.extend(filter(None, [client.recv(1000)]))  # nothing at all is how it should end
        threading.Thread(target=listen, daemon=True).start()
        try:
            imaplib.IMAP4(mail.address, IMAP, timeout=10).login("bob", PASSWORD)
        except (imaplib.IMAP4.error, OSError) as error:
            told.append(str(error))
        return told
    told = as_owner(mail, job)
    check(not any(text for text in told if isinstance(text, bytes)), f"what the false imap was told: {told}")
    check("UNAVAILABLE" in told[-1], f"{told}")
    mail.mta.wait_log("private/imap is not the socket that master")
    mail.stop()


# -- ids ---------------------------------------------------------------------------------------------


def helpers(mail, daemon):
    """(services, helpers) among the processes of `daemon`: the latter are children of the former."""
    pids = set(mail.mta.processes(daemon))
    children = {p for p in pids if parent_of(p) in pids}
    return pids - children, children


def parent_of(pid):
    try:
        return int(re.search(r"^PPid:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M)[1])
    except (OSError, TypeError):
        return 0


def ids_of(pid):
    text = open(f"/proc/{pid}/status").read()
    return {int(n) for line in re.findall(r"^[UG]id:\s+(.*)$", text, re.M) for n in line.split()}


def test_the_services_give_up_root_where_master_cf_does_not_say_so():
    mail = ImapInstance()
    mail.mta.room.require_private("changing ids")
    mail.stop()
    table = mail.mta.conf / "master.cf"
    text = table.read_text().replace("auth unix - - n", "auth unix - n n").replace("imap unix - - n", "imap unix - n n")
    table.write_text(text.replace("inet n - n - 500 imap-login", "inet n n n - 500 imap-login"))
    mail.mta.start()
    client = mail.login("bob")
    owner = os.stat(mail.mta.queue / "private").st_uid
    for daemon in ("imap-login", "auth", "imap"):
        services, _ = helpers(mail, daemon)
        check(services, f"no {daemon} runs")
        for pid in services:
            equal(ids_of(pid), {owner}, f"ids of {daemon}")
            check(os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{daemon} can be traced by its own uid")
    client.logout()
    mail.stop()


def login_error(mail, user="bob"):
    try:
        mail.connect().login(user, PASSWORD)
    except imaplib.IMAP4.error as error:
        return str(error)
    raise AssertionError("could log in")


def set_user(mail, line):
    """Replaces bob's line."""
    path = mail.mta.conf / "users"
    kept = [old for old in path.read_text().splitlines() if not old.startswith("bob:")]
    path.write_text("\n".join(kept + ([line] if line else [])) + "\n")
    time.sleep(1.1)  # auth looks once a second


def test_ids_of_the_system_and_homes_elsewhere_are_refused():
    mail = ImapInstance("imap_home_prefixes = /somewhere, @ROOT@/vmail/bob\n")
    mail.mta.room.require_private("changing ids")
    uid, gid = mail.mta.vmail_ids()
    owner = os.stat(mail.mta.queue / "private")
    drop = os.stat(mail.mta.queue / "maildrop").st_gid
    home = mail.home("bob")
    for ids, place, text in (
            (f"0:{gid}", home, "uid 0 is below imap_minimum_uid"),
            (f"{uid}:8", home, "gid 8 is below imap_minimum_gid"),
            (f"{uid}:0", home, "gid 0 is below imap_minimum_gid"),
            (f"{uid}:{drop}", home, "is the mail system's own"),
            (f"{uid}:{owner.st_gid}", home, "is the mail system's own"),
            (f"{owner.st_uid}:{gid}", home, "is the mail system's own"),
            (f"{uid}:{gid}", mail.home("alice"), "is not within imap_home_prefixes"),
            (f"{uid}:{gid}", f"{home}x", "is not within imap_home_prefixes"),
            (f"{uid}:{gid}", f"{home}/../alice", "is not within imap_home_prefixes"),
            (f"{uid}:{gid}", f"{home}::userdb_mail=maildir:{mail.maildir('alice')}", "is not within imap_home_prefixes"),
            (f"{uid}:{gid}", f"{home}::userdb_mail=maildir:{home}/Maildir:INDEXPVT={mail.home('alice')}", "is not within imap_home_prefixes")):
        mail.mta.mark()
        set_user(mail, f"bob:{{PLAIN}}{PASSWORD}:{ids}::{place}")
        check("UNAVAILABLE" in login_error(mail), ids)
        mail.mta.wait_log(re.escape(text))
    set_user(mail, f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{home}")
    mail.login("bob").logout()
    mail.stop()


# -- whose mail --------------------------------------------------------------------------------------


def subject_in_inbox(client):
    client.select("INBOX")
    return client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0]


def wait_ended(client, seconds=20):
    client.sock.settimeout(seconds)
    try:
        while client.sock.recv(4096):
            pass
    except ConnectionError:
        pass


@bound(90)
def test_a_new_owner_of_a_name_does_not_read_the_former_owners_mail():
    mail = ImapInstance("imap_process_idle_time = 600s\n")
    uid, gid = mail.mta.vmail_ids()
    mail.deliver("bob", OLD)
    mail.deliver("alice", NEW)
    former = mail.login("bob")
    check(b"old" in subject_in_inbox(former)[1], "the former owner's mail")
    set_user(mail, f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{mail.home('alice')}")
    client = mail.login("bob")
    check(b"new" in subject_in_inbox(client)[1], "the new owner's mail")
    wait_ended(former)
    check(b"new" in subject_in_inbox(client)[1], "the new owner's session goes on")
    mail.mta.wait_log("user bob was changed or removed")
    mail.stop()


@bound(90)
def test_sessions_of_removed_and_changed_users_end():
    mail = ImapInstance("imap_process_idle_time = 600s\n")
    uid, gid = mail.mta.vmail_ids()
    line = f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{mail.home('bob')}"
    others = mail.login("alice")
    for new in (line.replace(PASSWORD, "other"), line.replace("PLAIN", "PLAIN", 1) + "::nologin", None):
        set_user(mail, line)
        client = mail.login("bob")
        set_user(mail, new)
        wait_ended(client)
    others.noop()
    mail.stop()


def test_a_failed_login_is_logged_with_its_reason():
    mail = ImapInstance()
    uid, gid = mail.mta.vmail_ids()
    with open(mail.mta.conf / "users", "a") as users:
        users.write(f"off:{{PLAIN}}{PASSWORD}:{uid}:{gid}::/::nologin\nbroken:{{NONSENSE}}x:{uid}:{gid}::/::\n")
    time.sleep(1.1)
    for user, password, reason in (("nobody", "x", "unknown user"), ("bob", "wrong", "password mismatch"),
                                   ("off", PASSWORD, "login is disabled for this user"),
                                   ("broken", PASSWORD, "unknown password scheme {NONSENSE}")):
        mail.mta.mark()
        try:
            mail.connect().login(user, password)
            raise AssertionError("could log in")
        except imaplib.IMAP4.error as error:
            said = str(error)
        check(reason not in said, f"the client is told: {said}")
        mail.mta.wait_log(rf"imap-login\[\d+\]: warning: unknown\[127\.\S+\]: SASL PLAIN authentication failed: "
                          rf"{re.escape(reason)}, sasl_username={user}$")
    mail.stop()


@bound(60)
def test_an_auth_service_that_dies_is_no_wrong_password():
    """fail2ban counts "authentication failed", but not with these words behind it."""
    mail = ImapInstance("auth_failure_delay = 5s\n")
    mail.login().logout()
    client = mail.connect()
    client.send(b"a LOGIN bob wrong\r\n")
    for _ in range(3):  # the next one is asked, too
        time.sleep(0.7)
        for pid in mail.mta.processes("auth"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    answer = client.readline()
    check(b"a NO [UNAVAILABLE]" in answer, f"the client is told: {answer}")
    mail.mta.wait_log(r"SASL \S+ authentication failed: Connection lost to authentication server, sasl_username=")
    mail.stop()
