"""Helper processes that are killed: each is replaced, and the next request works."""
import time

from support import bound, check, equal, need_suite
from support.families import family, kill
from support.imap import ImapInstance
from support.instance import Instance
from support.mongo_server import MongoServer
from support.table_place import dynamic_maps, need_plugin, plugins


def log_in(mail):
    for user in ("alice", "bob"):
        client = mail.login(user)
        equal(client.select("INBOX")[0], "OK", "the mailbox")
        client.logout()


def killed_in_turn(which):
    """Kills what `which` finds, at once and after a while, between logins."""
    mail = ImapInstance()
    log_in(mail)
    for pause in (0, 0, 0.5, 0, 1.5):
        end = time.monotonic() + 20
        # Where a user has a process, a login does not need the helper: it comes with the service.
        while not (victims := which(mail.mta)):
            check(time.monotonic() < end, f"nothing to kill: {mail.mta.processes()}")
            log_in(mail)
        kill(victims)
        time.sleep(pause)
        log_in(mail)
    mail.stop()


@bound(90)
def test_the_root_helper_of_imap():
    killed_in_turn(lambda mta: family(mta, "imap")[1])


@bound(90)
def test_the_root_helper_of_auth():
    def helper(mta):
        mta.room.require_private("a helper with root's rights")
        return family(mta, "auth")[1]
    killed_in_turn(helper)


@bound(90)
def test_the_processes_of_the_users():
    killed_in_turn(lambda mta: family(mta, "imap")[2])


@bound(90)
def test_imap_auth_and_imap_login():
    for daemon in ("imap", "auth", "imap-login"):
        killed_in_turn(lambda mta: family(mta, daemon)[0])


@bound(90)
def test_anvil_and_postlogd():
    for daemon in ("anvil", "postlogd"):
        mail = ImapInstance()
        mail.login("bob").logout()
        for _ in range(3):
            kill(mail.mta.processes(daemon))
            mail.mta.mark()
            mail.login("alice").logout()
            mail.mta.wait_log("Login: user=<alice>")
        mail.stop()


@bound(90)
def test_workers_of_tables():
    need_suite()
    need_plugin("mongodb")
    server = MongoServer(alias=[{"_id": "1", "name": "info@alias.test", "target": "u1@virt.test"}])
    mta = Instance("ours", main=f"shlib_directory = {plugins()}\nvirtual_alias_domains = alias.test\n"
                   "virtual_alias_maps = mongodb:@CONF@/alias.cf\n",
                   files={"alias.cf": f"uri = mongodb://127.0.0.1:{server.port}/\ndbname = mail\ncollection = alias\n"
                          'query_filter = {"name": "%s"}\nresult_attribute = target\n'})
    (mta.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
    mta.start()
    mta.mail("a@remote.test", "info@alias.test")
    mta.wait_log("status=sent")
    killed = 0
    for number in range(5):
        for daemon in ("smtpd", "cleanup"):
            _, workers, _ = family(mta, daemon)
            killed += len(workers)
            kill(workers)
        mta.mail("a@remote.test", "info@alias.test")
        mta.wait_log("status=sent", number + 2)
    check(killed >= 5, f"{killed} workers killed")
    equal(len(mta.virtual("u1")), 6, "messages")
    mta.stop()
