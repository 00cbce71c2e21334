"""postfix(1): starting, stopping, reloading and checking an instance."""
import os
import shutil
import signal
import time

from support import check, equal, need_program
from support.instance import Instance

MASTER_CF = """\
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def made(main=""):
    for name in ("master", "postlogd", "anvil", "postfix"):
        need_program(name)
    mta = Instance("ours", main=main)
    (mta.conf / "master.cf").write_text(MASTER_CF)
    if not (mta.commands / "postsuper").exists():
        (mta.commands / "postsuper").write_text("#!/bin/sh\nexit 0\n")
        (mta.commands / "postsuper").chmod(0o755)
    return mta


def test_start_status_stop():
    mta = made()
    equal(mta.run("postfix", "status").status, 1, "status before the start")
    equal(mta.run("postfix", "start").status, 0, "start")
    equal(mta.run("postfix", "status").status, 0, "status")
    again = mta.run("postfix", "start")
    equal(again.status, 1, "a second start")
    check("the Postfix mail system is already running" in again.stderr, again.stderr)
    equal(mta.run("postfix", "stop").status, 0, "stop")
    stopped = mta.run("postfix", "stop")
    equal(stopped.status, 1, "stop of a stopped system")
    check("fatal: the Postfix mail system is not running" in stopped.stderr, stopped.stderr)
    mta.wait_ended()


def test_start_makes_missing_directories():
    mta = made()
    for name in ("defer", "maildrop", "public", "pid"):
        shutil.rmtree(mta.queue / name)
    equal(mta.run("postfix", "start").status, 0, "start")
    modes = {name: oct((mta.queue / name).stat().st_mode & 0o7777) for name in
             ("defer", "maildrop", "public", "pid")}
    equal(modes, {"defer": "0o700", "maildrop": "0o730", "public": "0o710", "pid": "0o755"}, "modes")
    mta.must_run("postfix", "stop")


def test_a_missing_program_is_named():
    mta = made()
    (mta.commands / "postsuper").unlink()
    done = mta.run("postfix", "start")
    equal(done.status, 1, "start")
    check(f"cannot execute {mta.commands}/postsuper: No such file or directory" in done.stderr, done.stderr)


def test_a_left_over_temporary_file_does_not_stop_a_start():
    """A weakness of Postfix: with maillog_file, a stale file in incoming/ makes start fail."""
    mta = made()
    stale = mta.queue / "incoming/123456.789"
    stale.write_text("half")
    stale.chmod(0o600)
    equal(mta.run("postfix", "start").status, 0, "start")
    mta.must_run("postfix", "stop")


def test_a_broken_configuration_is_not_reloaded():
    mta = made()
    mta.must_run("postfix", "start")
    mta._write_old("main.cf", (mta.conf / "main.cf").read_text() + "max_use = lots\n")
    refused = mta.run("postfix", "reload")
    equal(refused.status, 1, "reload")
    check("max_use" in refused.stderr and "lots" in refused.stderr and "main.cf" in refused.stderr,
          f"the message names file, parameter and value: {refused.stderr}")
    equal(mta.run("postfix", "status").status, 0, "it still runs")
    mta._write_old("main.cf", (mta.conf / "main.cf").read_text().replace("max_use = lots", ""))
    (mta.conf / "master.cf").write_text(MASTER_CF + "x unix - - n\n")
    refused = mta.run("postfix", "reload")
    equal(refused.status, 1, "reload with a broken master.cf")
    check("master.cf: line 3" in refused.stderr, refused.stderr)
    (mta.conf / "master.cf").write_text(MASTER_CF)
    equal(mta.run("postfix", "reload").status, 0, "reload of what is whole")
    mta.wait_log("master.*reload -- version")
    mta.must_run("postfix", "stop")


def test_unknown_command():
    mta = made()
    answer = mta.run("postfix", "dance")
    equal(answer.status, 1, "status")
    check("fatal: unknown command: 'dance'. Usage: postfix start" in answer.stderr, answer.stderr)


def test_upgrade_adds_missing_services_only():
    mta = made()
    mta.must_run("postfix", "upgrade-configuration")
    text = (mta.conf / "master.cf").read_text()
    check(text.startswith(MASTER_CF), "what was there stays")
    for name in ("retry", "tlsmgr", "discard"):
        check(f"\n{name} " in text, f"{name} is there: {text}")
    mta.must_run("postfix", "upgrade-configuration")
    equal((mta.conf / "master.cf").read_text(), text, "a second run changes nothing")


def test_upgrade_takes_other_steps_and_settings():
    mta = made()
    other = mta.root / "other"
    other.mkdir()
    (other / "main.cf").write_text((mta.conf / "main.cf").read_text())
    (other / "master.cf").write_text(MASTER_CF)
    queue = f"queue_directory={mta.root}/elsewhere"
    mta.must_run("postfix", "upgrade-configuration", queue, "create-missing", f"config_directory={other}")
    equal((mta.conf / "master.cf").read_text(), MASTER_CF, "the usual one stays")
    check("\ntlsmgr " in (other / "master.cf").read_text(), "the other one is complete")
    check((mta.root / "elsewhere/maildrop").is_dir(), "as the setting says")
    mta.must_run("postfix", "post-install", "upgrade-conf")
    check("\ntlsmgr " in (mta.conf / "master.cf").read_text(), "an abbreviation")
    equal(mta.run("postfix", "post-install", "create-miss").status, 1, "what may not be cut short")
    equal(mta.run("postfix", "upgrade-configuration", "dance").status, 1, "no step")


def test_logrotate():
    mta = made()
    mta.must_run("postfix", "start")
    mta.wait_log("daemon started")
    mta.must_run("postfix", "logrotate")
    rotated = [p.name for p in mta.root.iterdir() if p.name.startswith("maillog.")]
    equal(len(rotated), 1, f"rotated files: {rotated}")
    check(rotated[0].endswith(".gz"), f"compressed: {rotated}")
    mta.must_run("postfix", "status")
    end = time.monotonic() + 5
    while not mta.maillog.exists() or not mta.maillog.read_text():
        check(time.monotonic() < end, "a new log file is written")
        time.sleep(0.05)
    os.kill(mta.master_pid(), signal.SIGTERM)
    mta.stop()


def test_debugger():
    """-D: debugger_command runs beside master, and beside each daemon."""
    mta = made("debugger_command = echo $$process_name $$process_id >> @CONF@/debugged\n")
    equal(mta.run("postfix", "-D", "start").status, 0, "start")
    equal((mta.conf / "debugged").read_text().split("\n")[0], f"master {mta.master_pid()}", "who is debugged")
    mta.must_run("postfix", "stop")
