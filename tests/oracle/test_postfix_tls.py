"""postfix tls: keys, certificates, and the settings that turn opportunistic TLS on."""
import re
import subprocess
import time

from support import check, equal
from support.compare import scenario

# Ours has another default for the level.  The log is compared by Machine: names in it have dates.
NO_LEVEL = {"drop": ("smtp_tls_security_level",), "log": False}


class Machine:
    """Runs `postfix tls`, and notes what it did to main.cf and which files there are."""

    def __init__(self, mta):
        self.mta = mta
        self.original = (mta.conf / "main.cf").read_text().replace("requiretls_enable = no\n", "")
        self.reset()

    def log(self):
        """What the command said, without openssl's complaints and the advice about DANE, which are in other words."""
        said = [line.text for line in self.mta.log() if line.tag == "postfix/postfix-tls-script" and "warning: " not in line.text]
        return [self.clean(re.sub(r"(output-server-tlsa \[-h <hostname>\]).*", r"\1", text)) for text in said
                if not re.search("https://|^If you publish DANE|^With DANE", text)]

    def reset(self, extra=""):
        (self.mta.conf / "main.cf").write_text(self.original + extra)
        for path in self.mta.conf.glob("*.pem"):
            path.unlink()

    def clean(self, text):
        text = re.sub(r"\d{8}-\d{6}", "DATE", text)
        return re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)

    def tls(self, *arguments, shown=True):
        time.sleep(1.05 if arguments[:1] and arguments[0].startswith(("new", "enable-s")) else 0)  # a date for each pair of files
        before = (self.mta.conf / "main.cf").read_text().splitlines()
        output = self.mta.run("postfix", "tls", *arguments, record=False)
        after = (self.mta.conf / "main.cf").read_text().splitlines()
        words = "tls " + " ".join(map(str, arguments)).replace(str(self.mta.root), "ROOT")
        self.mta.note(self.clean(words), self.clean("\n".join([
            str(output.status), output.stdout if shown else "", "gone:", *sorted(set(before) - set(after)),
            "new:", *sorted(set(after) - set(before)),
            *(f"{self.clean(path.name)} {path.stat().st_mode & 0o777:o}" for path in sorted(self.mta.conf.glob("*.pem")))])))
        return output

    def finish(self):
        self.reset()
        self.mta.settle()
        self.mta.note("log", "\n".join(self.log()))

    def newest(self, prefix):
        return sorted(self.mta.conf.glob(f"{prefix}-*.pem"))[-1]


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def note_extensions(mta, name, text):
    """What is in a certificate or request, without the key, the serial number and the dates."""
    kept = [line for line in text.splitlines() if not re.search(r"^\s*[0-9a-fA-F:]+\s*$|Not (Before|After)", line)]
    mta.note(name, re.sub(r"\b(?:[0-9A-F]{2}:){19}[0-9A-F]{2}\b", "KEYID", "\n".join(kept)))


@scenario(**NO_LEVEL)
def clients(mta):
    machine = Machine(mta)
    machine.tls("all-default-client")
    machine.tls("enable-client")
    machine.tls("all-default-client")
    machine.tls("enable-client")
    machine.tls("enable-client", "-z")
    machine.reset()
    machine.tls("enable-client", "-r", "dev:/dev/random")
    for setting in ("smtp_tls_loglevel = 2\nsmtp_use_tls = no\nsmtp_tls_CApath = /x\nsmtp_tls_session_cache_database = btree:x",
                    "smtp_use_tls = yes", "smtp_tls_security_level = encrypt", "smtp_tls_cert_file = /x"):
        machine.reset(setting + "\n")
        machine.tls("all-default-client")
    machine.finish()


@scenario(**NO_LEVEL)
def servers(mta):
    machine = Machine(mta)
    machine.tls("all-default-server")
    machine.tls("enable-server")
    text = openssl("x509", "-noout", "-text", "-in", machine.newest("cert"))
    note_extensions(mta, "certificate", text)
    year = re.search(r"Not After : \w+ +\d+ \S+ (\d+)", text)[1]
    equal(int(year), time.gmtime().tm_year + 100, "a hundred years")
    machine.tls("all-default-server")
    for arguments in ([], ["-h", "x.test"], ["ecdsa"], ["nosuch.pem"], ["-z"], [machine.newest("key").name]):
        machine.tls("output-server-tlsa", *arguments)
    for setting in ("smtpd_tls_loglevel = 2", "smtpd_use_tls = yes", "smtpd_tls_cert_file = /x", "smtpd_tls_security_level = may"):
        machine.reset(setting + "\n")
        machine.tls("all-default-server")
    machine.finish()


@scenario(**NO_LEVEL)
def the_digest_is_that_of_the_key(mta):
    machine = Machine(mta)
    machine.tls("new-server-key", "-a", "ecdsa")
    key = machine.newest("eckey")
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    digest = subprocess.run(["sha256sum"], input=der, capture_output=True, check=True).stdout.split()[0].decode()
    output = machine.tls("output-server-tlsa", "-h", "mail.test", key)
    check(f"_25._tcp.mail.test. IN TLSA 3 1 1 {digest}\n" in output.stdout, output)
    machine.finish()


@scenario(**NO_LEVEL)
def keys_and_certificates(mta):
    machine = Machine(mta)
    machine.tls("new-server-key", "one.test", "two.test")
    first_key, first_cert = machine.newest("key"), machine.newest("cert")
    machine.tls("deploy-server-cert", first_cert.name, first_key)
    machine.tls("new-server-cert", "three.test")
    equal(machine.newest("key").read_text(), first_key.read_text(), "the key")
    note_extensions(mta, "with the old key", openssl("x509", "-noout", "-text", "-in", machine.newest("cert")))
    machine.tls("new-server-key", "-a", "ecdsa", "-b", "secp384r1", "q.test", "r.test")
    eckey, eccert = machine.newest("eckey"), machine.newest("eccert")
    note_extensions(mta, "ecdsa", openssl("x509", "-noout", "-text", "-in", eccert))
    machine.tls("deploy-server-cert", eccert, eckey.name)
    machine.tls("output-server-tlsa")
    for arguments in ([], ["-k", "ecdsa", "z.test"], ["-k", first_key.name, "a.test", "b.test"], ["-k", first_key], ["-k", "nosuch"]):
        output = machine.tls("output-server-csr", *arguments, shown=False)
        if not output.status:
            (mta.root / "csr").write_text(output.stdout)
            note_extensions(mta, f"request {len(arguments)}", openssl("req", "-noout", "-text", "-verify", "-in", mta.root / "csr"))
    machine.tls("new-server-cert", "-a", "ecdsa")
    for arguments in ([], [first_cert], [eccert, first_key], ["nosuch", "nosuch"], [first_key, first_cert], ["a", "b", "c"]):
        machine.tls("deploy-server-cert", *arguments)
    machine.finish()


# openssl is called in other ways, and its complaints differ.
@scenario(**NO_LEVEL)
def refusals(mta):
    machine = Machine(mta)
    for arguments in ([], ["foo"], ["all-default-client", "x"], ["enable-client", "x"],
                      ["output-server-csr", "-z"], ["output-server-tlsa"], ["output-server-csr"], ["new-server-key", "-a", "dsa"],
                      ["new-server-key", "-b", "nonsense"], ["new-server-key", "-a", "ecdsa", "-b", "nocurve"],
                      ["enable-server", "-a", "foo"], ["new-server-cert", "-a", "foo"]):
        machine.tls(*arguments)
    machine.reset()
