"""Certificates for tests, made once per run: a certification authority, and a certificate of it for
mx.example.test and *.wild.test."""
import functools
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
