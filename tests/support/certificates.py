"""Certificates for tests, made once per run: a certification authority, and a certificate of it for
mx.example.test and *.wild.test."""
import functools
import hashlib
import pathlib
import ssl
import subprocess
import tempfile


@functools.cache
def directory():
    """Holds ca.pem, mx.pem and mx.key; it goes away with the process."""
    holder = tempfile.TemporaryDirectory(prefix="relais-certificates-")
    directory.holder = holder
    place = pathlib.Path(holder.name)
    (place / "ext").write_text("subjectAltName=DNS:mx.example.test,DNS:*.wild.test")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx.example.test", "-keyout", "mx.key",
            "-out", "mx.csr")
    openssl("x509", "-req", "-in", "mx.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "ext", "-out", "mx.pem")
    return place


@functools.cache
def self_signed():
    """The directory again, with self.pem and self.key, which no authority has signed."""
    place = directory()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stranger.test",
                    "-keyout", "self.key", "-out", "self.pem"], cwd=place, check=True, capture_output=True)
    return place


def make(name, names, *, key="rsa:2048", issuer="ca", days=2, subject=None):
    """Adds NAME.pem and NAME.key to the directory: `names` are DNS names, the first also the subject; issuer None
    signs itself.  `key`: rsa:BITS or a curve.  The path of NAME.pem."""
    place = directory()
    if (place / f"{name}.pem").exists():
        return place / f"{name}.pem"
    new_key = ["-newkey", key] if key.startswith("rsa:") else ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{key}"]
    (place / f"{name}.ext").write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) +
                                       ("\nbasicConstraints=CA:TRUE" if subject else ""))

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    openssl("req", *new_key, "-nodes", "-subj", f"/CN={subject or names[0]}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    signer = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial"] if issuer else ["-signkey", f"{name}.key"]
    openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return place / f"{name}.pem"


def context(name, *chain):
    """For a server with NAME.pem, followed by the certificates `chain`."""
    place = directory()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    whole = place / f"{name}+chain.pem"
    whole.write_text("".join((place / f"{one}.pem").read_text() for one in (name, *chain)))
    made.load_cert_chain(whole, place / f"{name}.key")
    return made


def der(name):
    """The certificate."""
    return ssl.PEM_cert_to_DER_cert((directory() / f"{name}.pem").read_text())


def public_key(name):
    """Its subjectPublicKeyInfo."""
    pem = subprocess.run(["openssl", "x509", "-in", directory() / f"{name}.pem", "-noout", "-pubkey"],
                         check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, check=True,
                          capture_output=True).stdout


def fingerprint(data, digest="sha256"):
    return ":".join(f"{byte:02X}" for byte in hashlib.new(digest, data).digest())


def files():
    """For Instance(files=...)."""
    place = directory()
    return {name: (place / name).read_text() for name in ("ca.pem", "mx.pem", "mx.key")}


def server_context(**options):
    """For a server of the tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory() / "mx.pem", directory() / "mx.key")
    for name, value in options.items():
        setattr(context, name, value)
    return context
