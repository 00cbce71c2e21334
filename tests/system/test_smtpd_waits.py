"""Slow helpers of smtpd's restrictions hold up the session that asks, and no other: all of them are in one process."""
import threading

from support import bound, check, equal
from support.databases import free_port
from support.instance import Instance
from support.room import room
from support.server import Server

FROM = "MAIL FROM:<carol@remote.test>"


class HeldTable(Server):
    """A tcp_table server that answers only when it is let go."""

    def __init__(self):
        self.port, self.asked, self.go = free_port(), threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", self.port))

    def _serve(self, client):
        with client, client.makefile("rb") as lines:
            for line in lines:
                if b"slow" in line:
                    self.asked.set()
                    self.go.wait(60)
                client.sendall(b"200 REJECT by%20table\n" if b"slow@" in line else b"500 not%20found\n")

    def stop(self):
        self.go.set()
        super().stop()


def accepted(mta):
    """A whole session of somebody else."""
    with mta.smtp(client=129) as other:
        other.talk("EHLO other.test", FROM)
        equal(other.command("RCPT TO:<u1@virt.test>").code, "250", "the other session")
        other.command("QUIT")


@bound(90)
def test_a_table_behind_a_slow_server():
    table = HeldTable()
    mta = Instance(main=f"smtpd_recipient_restrictions = check_sender_access tcp:127.0.0.1:{table.port}, permit\n")
    mta.start()
    try:
        with mta.smtp() as waiting:
            waiting.talk("EHLO client.test", "MAIL FROM:<slow@remote.test>")
            waiting.send(b"RCPT TO:<u1@virt.test>\r\n")
            check(table.asked.wait(30), "the table is asked")
            for _ in range(3):
                accepted(mta)
            table.go.set()
            reply = str(waiting.read())
            check(reply.startswith("554 5.7.1 <slow@remote.test>: Sender address rejected: by table"), reply)
        equal(len(mta.processes("smtpd")), 1, "processes")
    finally:
        table.stop()
        mta.stop()


@bound(120)
def test_a_list_in_dns_that_does_not_answer():
    dns = room().dns
    name = ".".join(reversed(room().address(128).split("."))) + ".silent.list.test"
    dns.fail(name, "DROP")
    mta = Instance(main="smtpd_client_restrictions = reject_rbl_client silent.list.test\n")
    mta.start()
    try:
        with mta.smtp(timeout=45) as waiting:
            waiting.talk("EHLO client.test", FROM)
            waiting.send(b"RCPT TO:<u1@virt.test>\r\n")
            for _ in range(300):
                if any(asked[0] == name for asked in dns.asked):
                    break
                threading.Event().wait(0.1)
            for _ in range(3):
                accepted(mta)
            # The room's resolv.conf says 4 seconds and two questions; what is not known does not refuse.
            equal(waiting.read().code, "250", "after the time limit")
        mta.wait_log(rf"warning: {name}: RBL lookup error: .*try again")
    finally:
        mta.stop()
