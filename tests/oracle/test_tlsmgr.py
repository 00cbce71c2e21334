"""tlsmgr's random bytes: where they come from, where they are kept, and what is said of sources that are no good."""
import os
import re
import socket
import threading
import time

from support import certificates
from support.compare import scenario
from support.postscreen import in_parallel
from support.tlsmgr import Tlsmgr, packed

SOURCES = {
    "device": "dev:/dev/zero", "nodevice": "dev:/nonexistent/device", "file": "@CONF@/random", "nofile": "/nonexistent/random",
    "egd": "egd:@CONF@/egd", "noegd": "egd:/nonexistent/egd", "none": "",
}
MASTER = "".join(f"{name} unix - - n - 1 tlsmgr\n  -o {{ tls_random_source = {source} }}\n  -o tls_random_exchange_name=@ROOT@/data/{name}_exch\n"
                 f"  -o tls_random_reseed_period=2s\n  -o tls_random_prng_update_period=2s\n" for name, source in SOURCES.items())


def ask(mta, service, size=32):
    """The answer to a request for random bytes, as far as it comes."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(3)
        got = b""
        try:
            asking.connect(str(mta.queue / "private" / service))
            asking.sendall(packed(("request", "seed"), ("size", size)))
            while got.count(b"seed\0") == 0:
                more = asking.recv(1000)
                if not more:
                    break
                got += more
        except OSError:
            pass
        return got


def about(path):
    info = path.stat()
    return f"{info.st_size} {info.st_mode:o} {info.st_uid} {info.st_gid}"


@scenario(master=MASTER, files={"random": "x" * 100}, main="service_throttle_time = 1s\n", log=False)
def sources(mta):
    served = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(mta.conf / "egd"))
    os.chmod(mta.conf / "egd", 0o666)
    listening.listen(5)

    def serve():
        client, _ = listening.accept()
        client.settimeout(3)
        try:
            while len(request := client.recv(2)) == 2:
                served.append(tuple(request))
                client.sendall(bytes([request[1]]) + b"z" * request[1])
                client.settimeout(0.9)  # the next ones come at chance: one that does not finds nobody
        except TimeoutError:
            pass
        client.close()
    threading.Thread(target=serve, daemon=True).start()
    for name, answer in in_parallel(lambda name: ask(mta, name), list(SOURCES)):
        mta.note(f"{name} answers", b"seed" in answer)
    (mta.data / "file_exch").unlink()
    time.sleep(5)
    ask(mta, "file")
    for name in SOURCES:
        path = mta.data / f"{name}_exch"
        mta.note(f"{name} keeps", about(path) if path.exists() else "nothing")
    mta.note("asked of EGD", served[:1])
    # Whether it is the request or the answer that finds nobody is chance.
    mta.note("said", "\n".join(sorted({line.text for line in mta.log() if line.daemon == "tlsmgr" and "cannot write to EGD" not in line.text})))
    listening.close()

@scenario(main="smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\n"
               "tls_daemon_random_bytes = 48\ntlsmgr_service_name = spy\nsmtp_tls_security_level = may\n", files=certificates.files(), log=False)
def what_daemons_ask_for(mta):
    spy = Tlsmgr(mta.queue / "private/spy")
    with mta.smtp() as session:
        session.starttls()
        session.talk("EHLO a.test", "QUIT")
    mta.note("of smtpd", sorted(set(spy.requests)))
    mta.note("said", sorted(line.text for line in mta.log() if re.match("warning", line.text)))
    spy.requests.clear()
    with mta.sink(34):
        mta.room.dns.add_host("mx.spied.test", mta.room.address(34))
        mta.room.dns.add("spied.test", "MX", (10, "mx.spied.test"))
        mta.mail("alice@example.test", "x@spied.test", "Subject: x\n\nx\n")
        mta.settle()
    mta.note("of smtp", [request for request in sorted(set(spy.requests)) if request[0] == "seed"])
    spy.stop()
