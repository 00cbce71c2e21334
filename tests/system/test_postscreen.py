"""postscreen of ours alone: how many clients it carries, and what failing services do to it."""
import os
import re
import resource
import signal
import ssl
import time

from support import Skip, certificates, check
from support.instance import Instance
from support.postscreen import HELPERS, connect, read_all, service
from support.tables import socketmap

CLIENTS = 10000
MEMORY = 40 << 20


def resident_memory(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024


def client_is_greeted(client):
    return client.recv(4) == b"220-"


def ten_thousand_clients_wait_for_a_greeting():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < CLIENTS + 200:
        raise Skip(f"{CLIENTS} connections need more than {most} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    mta = Instance(master=HELPERS + service(2661, postscreen_greet_wait="60s", postscreen_pre_queue_limit="20000",
                                            postscreen_client_connection_count_limit="0", postscreen_post_queue_limit="20000"))
    mta.start()
    clients = []
    try:
        for number in range(CLIENTS):
            clients.append(connect(mta, 2661, 128 + number % 120, timeout=20))
            # No faster than they are accepted: what the kernel's queue does not take comes a second later.
            check(client_is_greeted(clients[-1]) if number % 50 == 49 else True, "the teaser comes at once")
        pid, = mta.processes("postscreen")
        memory = resident_memory(pid)
        print(f"{CLIENTS} clients: {memory >> 10} kB")
        check(memory < MEMORY, f"{CLIENTS} clients that wait take {memory >> 10} kB")
    finally:
        for client in clients:
            client.close()
        mta.stop()


ten_thousand_clients_wait_for_a_greeting.is_test = True
ten_thousand_clients_wait_for_a_greeting.seconds = 120


def helpers_that_are_killed_come_back():
    mta = Instance(master=HELPERS + service(2662, postscreen_access_list="permit_mynetworks")).start()
    for name in ("postscreen", "smtpd", "postscreen"):
        with connect(mta, 2662, 100) as s:
            check(s.recv(4) == b"220 ", "a greeting")
        for pid in mta.processes(name):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
    with connect(mta, 2662, 100) as s:
        s.sendall(b"QUIT\r\n")
        check(b"221 2.0.0 Bye" in read_all(s), "all is well again")
    mta.stop()


helpers_that_are_killed_come_back.is_test = True


def tables_on_a_server_given_by_name_answer_in_the_background():
    """The name is looked up by a helper thread; tlsproxy has begun another life when the lookup comes."""
    with socketmap(b"NOTFOUND ", patient=False) as port:
        tls = ("smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\n"
               f"tls_server_sni_maps = socketmap:inet:localhost:{port}:names\n")
        mta = Instance(main=tls, files=certificates.files(),
                       master=HELPERS + service(2663, postscreen_pipelining_enable="yes")).start()

        def starting(client):
            session = mta.smtp(port=2663, client=client)
            check(session.talk("EHLO a.test", "STARTTLS")[-1].code == "220", "STARTTLS is taken")
            return session

        def name_is_asked(session, name):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            session.socket = context.wrap_socket(session.socket, server_hostname=name)
            check(session.talk("EHLO a.test")[-1].code == "250", f"TLS after a look for {name}")

        sessions = [starting(client) for client in (100, 101)]
        name_is_asked(sessions[0], "one.test")
        before = mta.processes("tlsproxy")
        mta.reload()
        name_is_asked(sessions[1], "two.test")
        check(mta.processes("tlsproxy") != before, "the session was in another process")
        for session in sessions:
            session.talk("QUIT")
        mta.settle()
        check(any("TLS SNI two.test from " in line.text for line in mta.log()), "the table was asked")
        mta.stop()


tables_on_a_server_given_by_name_answer_in_the_background.is_test = True
