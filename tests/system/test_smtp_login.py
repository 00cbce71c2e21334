"""Logins of the smtp client where Postfix has nothing to compare with: its processes and their ends, what a log must not have,
servers that send bytes that are none of the protocol, tables that change."""
import base64
import os
import pathlib
import signal
import time

from support import check, equal, need_program, sasl
from support.instance import Instance
from support.login_sink import login_sink
from support.room import room

sasl.need_plugins()
TEXT = "Subject: x\n\nbody\n"
MAIN = """\
relayhost = [@NET@.31]:2525
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = inline:{[@NET@.31]:2525=joe:verysecret [@NET@.32]:2525=joe:verysecret}
smtp_connection_cache_on_demand = no
transport_maps = inline:{other.test=smtp:[@NET@.32]:2525}
smtp_helo_timeout = 20s
"""
OK = "235 2.7.0 ok"
LOGIN = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", OK]


def started(main="", **options):
    need_program("smtp")
    return Instance("ours", main=MAIN + main, **options).start()


def send(mta, to="x@one.test", status="sent"):
    queue_id = mta.mail("carol@example.test", to, TEXT)
    mta.wait_log(rf"{queue_id}: to=.*status={status}")


def relatives(mta):
    """The pids of smtp itself, its helper, and the workers."""
    found = {}
    for pid in mta.processes("smtp"):
        try:
            found[pid] = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    servers = [p for p in found if found[p] not in found]
    helpers = [p for p in found if found[p] in servers]
    return servers, helpers, [p for p in found if found[p] in helpers]


def test_no_log_has_a_password():
    mta = started("debug_peer_list = 0.0.0.0/0\ndebug_peer_level = 5\n")
    master = mta.conf / "master.cf"
    master.write_text(master.read_text().replace("smtp unix - - n - - smtp\n", "smtp unix - - n - - smtp -v -v -v\n"))
    mta.reload()
    for mechanisms, steps in (("PLAIN", [OK]), ("LOGIN", LOGIN), ("LOGIN", LOGIN[:2] + ["535 5.7.8 no"])):
        with login_sink(mta, steps, note=False, MECHANISMS=mechanisms):
            send(mta, status="(sent|deferred)")
    text = mta.log_text()
    check("> " in text and "AUTH PLAIN (secret)" in text, "the log does have the conversation")
    for spelling in ("verysecret", base64.b64encode(b"verysecret").decode(), base64.b64encode(b"\0joe\0verysecret").decode()):
        check(spelling not in text, f"{spelling} in the log")
    mta.stop()


def test_a_server_that_hangs_holds_up_nobody():
    mta = started()
    with login_sink(mta, ["334 VXNlcm5hbWU6", "HANG"], note=False, MECHANISMS="LOGIN") as silent, login_sink(mta, [OK], host=32, note=False):
        for _ in range(10):
            mta.mail("carol@example.test", "x@one.test", TEXT)
        end = time.monotonic() + 10
        while sum(line.startswith("AUTH") for line in silent.commands) < 5:
            check(time.monotonic() < end, "logins begin")
            time.sleep(0.05)
        begun = time.monotonic()
        send(mta, "x@other.test")
        check(time.monotonic() - begun < 5, "the other server's mail does not wait")
    mta.stop()


def test_workers_and_helpers_that_die():
    mta = started()
    with login_sink(mta, ["334 VXNlcm5hbWU6", "HANG"], note=False, MECHANISMS="LOGIN") as sink:
        mta.mail("carol@example.test", "x@one.test", TEXT)
        end = time.monotonic() + 10
        while "am9l" not in sink.commands:
            check(time.monotonic() < end, "the login has begun")
            time.sleep(0.05)
        for pid in relatives(mta)[2]:
            os.kill(pid, signal.SIGKILL)
    with login_sink(mta, LOGIN, note=False, MECHANISMS="LOGIN"):
        send(mta)
        servers, helpers, _ = relatives(mta)
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        time.sleep(2)  # connections of the queue manager end
        send(mta)
    end = time.monotonic() + 10
    while set(servers) & set(mta.processes("smtp")):
        check(time.monotonic() < end, "the process without a helper makes room")
        time.sleep(0.05)
    mta.check_sane()
    mta.stop()


def test_bytes_that_are_no_challenge():
    mta = started()
    for challenge in (b"334 \0\r\n", b"334 \xff\xfe\r\n", b"334 " + b"\0" * 3000 + b"\r\n", b"334 YQ==\0YQ==\r\n", b"334 " + b"QUFB" * 500_000 + b"\r\n"):
        with login_sink(mta, [challenge, OK], note=False, MECHANISMS="LOGIN CRAM-MD5") as sink:
            send(mta, status=r"deferred \(SASL authentication failed; cannot authenticate to server .*: (bad protocol / cancel|generic failure|another step is needed in authentication)\)")
            equal([line for line in sink.commands if line.startswith("MAIL")], [], "mail without a login")
    with login_sink(mta, [OK], note=False, MECHANISMS="\1\2 \0"):
        send(mta, status=r"deferred \(SASL authentication failed; cannot authenticate to server .*: no mechanism available\)")
    mta.check_sane()
    mta.stop()


def test_a_filter_that_cannot_be_asked():
    mta = started("smtp_sasl_mechanism_filter = fail:later\n")
    with login_sink(mta, [OK], note=False):
        send(mta, status="deferred .local data error")
    mta.stop()


def test_a_password_that_is_changed():
    """The table is root's; the process that cannot read it again makes room."""
    room().require_private("a table that only root reads")
    mta = Instance("ours", main=MAIN.replace("inline:{[@NET@.31]:2525=joe:verysecret [@NET@.32]:2525=joe:verysecret}", "hash:@CONF@/passwords"))
    for password in ("first", "second"):
        mta.table("passwords", f"[{room().address(31)}]:2525 joe:{password}\n")
        for name in ("passwords", "passwords.db"):
            os.chmod(mta.conf / name, 0o600)
        if not mta.running():
            mta.start()
        time.sleep(2)  # connections of the queue manager end
        with login_sink(mta, [OK], note=False) as sink:
            send(mta)
            send(mta)
        equal([line for line in sink.commands if "AUTH" in line], ["AUTH PLAIN " + base64.b64encode(f"\0joe\0{password}".encode()).decode()] * 2, "logins")
    mta.stop()


def test_a_delimiter_of_ones_own():
    mta = started("smtp_sasl_password_result_delimiter = |\nsmtp_sasl_password_maps = inline:{[@NET@.31]:2525=a:b|c:d}\n")
    with login_sink(mta, [OK], note=False) as sink:
        send(mta)
    check("AUTH PLAIN " + base64.b64encode(b"\0a:b\0c:d").decode() in sink.commands, f"name and password: {sink.commands}")
    mta.stop()


def test_in_the_jail():
    """The library and its plug-ins are loaded before; random numbers come from the kernel."""
    room().require_private("a chroot")
    mta = started("transport_maps = inline:{jail.test=jailed:[@NET@.31]:2525}\n", master="jailed unix - - y - - smtp\n")
    challenge = base64.b64encode(b'realm="sink.test",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess').decode()
    for mechanism, steps in (("PLAIN", [OK]), ("CRAM-MD5", ["334 PDFAeD4=", OK]), ("DIGEST-MD5", [f"334 {challenge}", OK]), ("SCRAM-SHA-256", [OK])):
        with login_sink(mta, steps, note=False, MECHANISMS=mechanism) as sink:
            send(mta, "x@jail.test")
        check(f"AUTH {mechanism}" in " ".join(sink.commands), f"{mechanism} in the jail: {sink.commands}")
    mta.stop()


def test_tokens():
    """XOAUTH2 and OAUTHBEARER, where the filter names them; the server's reasons get their answer."""
    def bearer(text):
        return base64.b64encode(text.encode()).decode()
    failure = ["334 " + bearer('{"status":"401"}'), "535 5.7.8 bad token"]
    options = "smtp_sasl_security_options = noanonymous\n"
    for mechanism, response, end in (("XOAUTH2", "user=joe\1auth=Bearer verysecret\1\1", ""), ("OAUTHBEARER", "n,a=joe,\1host=@\1auth=Bearer verysecret\1\1", "AQ==")):
        mta = started(options + f"smtp_sasl_mechanism_filter = {mechanism.lower()}, plain\n")
        for steps, status in (([OK], "sent"), (failure, "deferred")):
            with login_sink(mta, steps, note=False, MECHANISMS=f"PLAIN {mechanism}") as server:
                send(mta, status=status)
                said = [line for line in server.commands if line.startswith("AUTH ")]
                decoded = base64.b64decode(said[0].split()[2]).decode()
                equal((said[0].split()[1], decoded.replace(decoded.partition("host=")[2].partition("\1")[0] or "@", "@")), (mechanism, response), "what goes to the server")
                if status == "deferred":
                    check(end in server.commands, f"the answer to the reasons: {server.commands}")
        check("verysecret" not in mta.log_text() and "SASL authentication failed; server" in mta.log_text(), mta.log_text()[-800:])
        mta.stop()


def test_a_password_is_no_token():
    """Where nobody has named a mechanism for tokens, and where none may be sent in the clear."""
    for more, status in (("", "sent"), ("smtp_sasl_mechanism_filter = !login, static:rest\n", "sent"),
                         ("smtp_sasl_security_options = noplaintext, noanonymous\nsmtp_sasl_mechanism_filter = xoauth2\n", "deferred")):
        mta = started(more)
        with login_sink(mta, [OK], note=False, MECHANISMS="XOAUTH2 OAUTHBEARER PLAIN") as server:
            send(mta, status=status)
            said = [line.split()[1] for line in server.commands if line.startswith("AUTH ")]
            equal(said, ["PLAIN"] if status == "sent" else [], more)
        mta.stop()
