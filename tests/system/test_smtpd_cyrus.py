"""smtpd_sasl_type = cyrus where Postfix has nothing to compare with: worker processes, their ends, their jail; and settings
with which Postfix's smtpd ends at each connection."""
import contextlib
import os
import pathlib
import signal
import time

from support import check, equal, need_program, sasl
from support.instance import Instance
from support.room import room
from support.sasl import b64, plain

sasl.need_plugins()
HELLO = "EHLO client.test"
MAIN = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\nsmtpd_error_sleep_time = 0\nauth_client_failure_limit = 0\n"
FAKE = {"yes": "OK", "no": "NO", "hang": None}


def conf(mux, mechanisms="PLAIN LOGIN"):
    return f"pwcheck_method: saslauthd\nsaslauthd_path: {mux}\nmech_list: {mechanisms}\n"


def started(main="", master="", **files):
    need_program("smtpd")
    files = {"sasl/smtpd.conf": conf("@ROOT@/fake/mux"), **{f"sasl/{name}.conf": text for name, text in files.items()}}
    return Instance("ours", main=MAIN + main, master=master, files=files).start()


def fake(mta, path=None):
    return sasl.FakeSaslauthd(path or mta.root / "fake/mux", FAKE)


@contextlib.contextmanager
def greeted(mta, **how):
    with mta.smtp(**how) as s:
        s.greeted = "\n".join(s.command(HELLO).lines)
        yield s


def log_in(s, password="yes"):
    return str(s.command("AUTH PLAIN " + plain("joe", password)))


def parents(mta):
    """{pid: parent} of the smtpd processes."""
    return {pid: int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            for pid in mta.processes("smtpd")}


def generations(mta):
    """The pids of smtpd itself, its helper, and the workers."""
    found = parents(mta)
    servers = [p for p in found if found[p] not in found]
    helpers = [p for p in found if found[p] in servers]
    return servers, helpers, [p for p in found if found[p] in helpers]


def begin(s, password):
    s.send("AUTH PLAIN " + plain("joe", password) + "\r\n")


def end_of(mta, pid):
    end = time.monotonic() + 10
    while pid in mta.processes("smtpd"):
        check(time.monotonic() < end, f"process {pid} is still there")
        time.sleep(0.05)


def test_a_login_that_hangs_and_a_worker_that_dies():
    mta = started()
    with fake(mta), greeted(mta) as s, greeted(mta) as other:
        equal(log_in(other, "no"), "535 5.7.8 Error: authentication failed: authentication failure", "a wrong password")
        equal(len(generations(mta)[2]), 1, "workers are used again")
        first = generations(mta)[2]
        begin(s, "hang")
        equal(log_in(other), "235 2.7.0 Authentication successful", "beside one that hangs")
        equal(len(generations(mta)[2]), 2, "one login in a worker at a time")
        killed = generations(mta)[2]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for pid in killed:
            end_of(mta, pid)
        equal(str(s.read()), "454 4.7.0 Temporary authentication failure: generic failure", "the one that hung")
        equal(log_in(s), "235 2.7.0 Authentication successful", "the next")
        check(set(first).isdisjoint(generations(mta)[2]), "by another worker")
    equal(len([line for line in mta.log() if "the login worker gave no answer" in line.text]), 1, "warnings")
    with greeted(mta) as s:
        equal(log_in(s), "454 4.7.0 Temporary authentication failure: generic failure", "without saslauthd")
        with fake(mta):
            equal(log_in(s), "235 2.7.0 Authentication successful", "when it is back")
    mta.stop()


def test_the_helper_dies():
    mta = started()
    with fake(mta):
        with greeted(mta) as s:
            servers, helpers, _ = generations(mta)
            for pid in helpers:
                os.kill(pid, signal.SIGKILL)
                end_of(mta, pid)
            equal(log_in(s), "454 4.7.0 Temporary authentication failure: generic failure", "the session that was there")
            equal(s.command("QUIT").code, "221", "which goes on")
        for _ in range(2):  # the connection at which the process notices is its successor's
            with greeted(mta) as s:
                equal(log_in(s), "235 2.7.0 Authentication successful", "a new process")
        check(not set(servers) & set(mta.processes("smtpd")), "the old one has gone")
    mta.stop()


def fullest(mta):
    """The most workers of one helper."""
    found = parents(mta)
    helpers = [found[pid] for pid in generations(mta)[2]]
    return max(map(helpers.count, helpers), default=0)


def test_clients_that_begin_and_say_nothing():
    """Until one smtpd process (master starts several) has all the workers that it may have, and beyond."""
    mta = started("smtpd_client_connection_count_limit = 0\ndefault_process_limit = 1000\n")
    with fake(mta), contextlib.ExitStack() as stack:
        silent = []
        while fullest(mta) < 50 and len(silent) < 400:
            for _ in range(25):
                silent.append(stack.enter_context(greeted(mta)))
                equal(silent[-1].command("AUTH LOGIN").code, "334", "asks")
        for _ in range(8):
            with greeted(mta) as s:
                begun = time.monotonic()
                equal(log_in(s), "235 2.7.0 Authentication successful", "all places were taken")
                check(time.monotonic() - begun < 10, "at once")
        check(fullest(mta) <= 52, lambda: f"{fullest(mta)} workers of one process")
        equal(silent[-1].command(b64("joe")).code, "334", "the last ones are still served")
    with greeted(mta) as s:
        replies = [s.command("AUTH LOGIN").code for _ in range(25) if s.command("*").code != "EOF"]
    check("EOF" in replies or "421" in replies, "endless AUTH ends")
    mta.stop()


def test_in_the_jail_as_mail_owner():
    master = "@ADDRESS@:2631 inet n - y - - smtpd -o smtpd_sasl_path=jail\n"
    room().require_private("a jail")
    mta = started(master=master, jail=conf("/fake/mux"))
    (mta.queue / "fake").mkdir()
    with fake(mta, mta.queue / "fake/mux"), greeted(mta, port=2631) as s:
        equal(log_in(s), "235 2.7.0 Authentication successful", "saslauthd's socket is in the jail")
        _, helpers, workers = generations(mta)
        for pid in helpers + workers:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            ids = {line.split()[0]: line.split()[1:] for line in status.splitlines() if line.split()[1:]}
            check("0" not in ids["Uid:"] + ids["Gid:"], f"ids of {pid}: {ids['Uid:']}")
            equal(ids["NoNewPrivs:"], ["1"], "no new privileges")
            equal(os.readlink(f"/proc/{pid}/root"), str(mta.queue), "its root")
            names = {os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")}
            check(names <= {"/dev/null", "socket"} and len(os.listdir(f"/proc/{pid}/fd")) <= 5, f"descriptors: {names}")
    mta.stop()


def test_where_the_configuration_is():
    ports = {2631: "-o cyrus_sasl_config_path=@CONF@/other", 2632: "-o cyrus_sasl_config_path=@CONF@/nothing"}
    mta = started(master="".join(f"@ADDRESS@:{port} inet n - n - - smtpd {text}\n" for port, text in ports.items()))
    (mta.conf / "other").mkdir()
    (mta.conf / "other/smtpd.conf").write_text(conf("/nothing", "LOGIN"))
    for port, offer in ((2525, "PLAIN LOGIN"), (2631, "LOGIN"), (2632, "PLAIN LOGIN")):
        with greeted(mta, port=port) as s:
            check(f"AUTH {offer}\n" in s.greeted, lambda: f"{port}: {s.greeted}")
    mta.stop()


def test_settings_that_leave_nothing():
    services = ("smtpd_sasl_security_options=noplaintext", "smtpd_sasl_path=nomech", "smtpd_sasl_type=nosuch",
                "smtpd_sasl_security_options=noplaintext,nosuch")
    mta = started(master="".join(f"@ADDRESS@:{port} inet n - n - - smtpd -o {text}\n" for port, text in enumerate(services, 2631)),
                  nomech=conf("/nothing", "NOSUCH"))
    for port in (2631, 2632):
        with greeted(mta, port=port) as s:
            check("AUTH" not in s.greeted, s.greeted)
            equal(s.command("NOOP").code, "250", "the session goes on")
    mta.wait_log("xsasl_cyrus_server_get_mechanism_list: no mechanism available")
    mta.wait_log("no SASL authentication mechanisms")
    for port, lines in ((2633, ("warning: unsupported SASL server implementation: nosuch",
                                "fatal: SASL per-process initialization failed")),
                        (2634, ('warning: unknown SASL security options value "nosuch" in "noplaintext,nosuch"',
                                "fatal: SASL per-connection initialization failed"))):
        with contextlib.suppress(AssertionError, OSError), mta.smtp(port=port, timeout=0.5):
            pass
        for line in lines:
            mta.wait_log(line)
    mta.stop()
