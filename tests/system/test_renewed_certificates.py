"""Certificates that are renewed, as certbot and others do it, are used by the next sessions; nobody reloads anything."""
import os
import pathlib
import shutil
import subprocess
import time

from support import certificates, check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance


def presented(mta):
    """The serial number of the certificate that a new session is shown, or None without STARTTLS."""
    with mta.smtp() as session:
        replies = session.talk("EHLO a.test", "STARTTLS")
        if replies[-1].code != "220":
            return None
        session.wrap()
        shown = session.socket.getpeercert(binary_form=True)
        session.command("QUIT")
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=shown, capture_output=True, check=True)
    return text.stdout.decode().strip()


def made(place, stem, kind="rsa:2048"):
    """A self-signed certificate and its key: stem.pem, stem.key; its serial number."""
    options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", kind, *options, "-nodes", "-days", "2", "-subj", "/CN=mx.example.test",
                    "-keyout", f"{stem}.key", "-out", f"{stem}.pem"], cwd=place, check=True, capture_output=True)
    os.chmod(place / f"{stem}.key", 0o600)
    text = subprocess.run(["openssl", "x509", "-in", place / f"{stem}.pem", "-noout", "-serial"], capture_output=True, check=True)
    return text.stdout.decode().strip()


def within(seconds, wanted, asked):
    deadline = time.monotonic() + seconds
    while (got := asked()) != wanted and time.monotonic() < deadline:
        time.sleep(0.3)
    return got


def turn(live, number):
    """What certbot does: the links lead to other files."""
    for name in ("cert.pem", "privkey.pem"):
        new = live / f"{name}.new"
        new.symlink_to(f"../archive/{number}.{'pem' if name == 'cert.pem' else 'key'}")
        new.rename(live / name)


def test_renewal():
    need_program("smtpd")
    kind, swap = mix_of(ours())
    mta = Instance(kind, swap, main="smtpd_tls_security_level = may\nsmtpd_tls_cert_file = @ROOT@/le/live/cert.pem\n"
                                    "smtpd_tls_key_file = @ROOT@/le/live/privkey.pem\nsmtpd_tls_loglevel = 1\n")
    place = pathlib.Path(mta.root) / "le"
    (place / "live").mkdir(parents=True)
    (place / "archive").mkdir(mode=0o700)
    archive = place / "archive"
    # Only who starts the system may read the keys: root, where the tests are root's.
    first, second, third = made(archive, "1"), made(archive, "2", "ec"), made(archive, "3")
    turn(place / "live", 1)
    mta.start()
    try:
        equal(presented(mta), first, "at first")
        smtpd = mta.processes("smtpd")
        held = mta.smtp()  # a session that goes on over the renewal
        held.starttls()
        turn(place / "live", 2)
        equal(within(10, second, lambda: presented(mta)), second, "links that lead elsewhere, a key of another kind")
        equal(held.command("NOOP").code, "250", "the session of before")
        held.close()

        # Half of a new file, then another's key: the old ones go on.
        whole = (archive / "3.pem").read_text()
        (archive / "2.pem").write_text(whole[:300])
        time.sleep(1.2)
        equal(presented(mta), second, "a torn file")
        mta.wait_log("renewed certificates cannot be used, those in use stay")
        (archive / "2.pem").write_text(whole)
        time.sleep(1.2)
        equal(presented(mta), second, "a certificate without its key")
        (archive / "2.key").unlink()
        time.sleep(1.2)
        equal(presented(mta), second, "no key at all")
        shutil.copy(archive / "3.key", archive / "2.key")
        equal(within(10, third, lambda: presented(mta)), third, "when both are there")
        check(set(smtpd) & set(mta.processes("smtpd")), "the process of before serves on")
        mta.check_sane()
    finally:
        mta.stop()


def test_broken_at_the_start():
    need_program("smtpd")
    kind, swap = mix_of(ours())
    mta = Instance(kind, swap, main="smtpd_tls_security_level = may\nsmtpd_tls_chain_files = @ROOT@/chain.pem\n")
    place = pathlib.Path(mta.root)
    wanted = made(place, "x")
    (place / "chain.pem").write_text("nonsense\n")
    mta.start()
    try:
        equal(presented(mta), None, "no TLS")
        (place / "chain.pem").write_text((place / "x.key").read_text() + (place / "x.pem").read_text())
        equal(within(15, wanted, lambda: presented(mta)), wanted, "mended without a reload")
    finally:
        mta.stop()
