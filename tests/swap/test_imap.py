"""Our IMAP services in a real Postfix: its master makes their sockets, its anvil counts for them."""
import imaplib
import os

from support import check
from support.instance import Instance

MASTER = """\
@ADDRESS@:1430 inet n - n - - imap-login
auth unix - - n - 1 auth
imap unix - - n - 1 imap
"""
OURS = {"auth": "ours", "imap": "ours", "imap-login": "ours"}


def login(mta, password):
    client = imaplib.IMAP4(mta.address, 1430, timeout=20)
    try:
        client.login("bob", password)
        return client.select("INBOX")[0]
    except imaplib.IMAP4.error as error:
        return str(error)


def test_imap_under_postfix():
    mta = Instance("postfix", OURS, master=MASTER)
    uid, gid = mta.vmail_ids()
    home = mta.vmail / "bob"
    home.mkdir(mode=0o700)
    os.chown(home, uid, gid)
    (mta.conf / "users").write_text(f"bob:{{PLAIN}}secret:{uid}:{gid}::{home}::\n")
    with open(mta.conf / "main.cf", "a") as main:
        main.write("auth_users_file = $config_directory/users\nauth_failure_delay = 1s\nauth_client_failure_limit = 3\nauth_client_limit_exceptions =\n")
    mta.start()
    for _ in range(2):
        check(login(mta, "secret") == "OK", mta.log_text())
    for _ in range(3):
        check("AUTHENTICATIONFAILED" in login(mta, "wrong"), "a wrong password")
    check("LIMIT" in login(mta, "secret"), "after too many failures, which Postfix's anvil has counted")
    mta.wait_log(r"Login failure limit exceeded: 3 from unknown\[127\.")
    mta.stop()
