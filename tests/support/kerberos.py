"""Kerberos from Debian's packages: a KDC on loopback in a directory of its own, keytabs, tickets, and the client's half of
the mechanism GSSAPI by Cyrus SASL."""
import contextlib
import ctypes
import glob
import os
import subprocess
import time

from support import Skip, check, oracle, sasl
from support.test_programs import free_port
from support.room import room

REALM = "EXAMPLE.TEST"
CLIENTS = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {address}:{port}
  }}
[logging]
  kdc = FILE:{folder}/kdc.log
"""
SERVER = """\
[kdcdefaults]
  kdc_listen = {address}:{port}
  kdc_tcp_listen = {address}:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    max_life = 1h
  }}
[dbmodules]
  db_module_dir = {modules}
"""


def plugins():
    """SASL_PATH with the mechanism, or a skip."""
    try:
        ctypes.CDLL("libgssapi_krb5.so.2")
    except OSError as error:
        raise Skip(f"Kerberos' library is not installed here: {error}")
    return ":".join([*sasl.need_plugins(), *glob.glob(f"{oracle.tree('kerberos')}/usr/lib/*/sasl2")])


with contextlib.suppress(Skip):
    oracle.tree("kerberos")  # before the room has a resolver of its own


class Kdc:
    """Started with its realm; `environment` is for who wants to talk to it."""

    def __init__(self):
        self.tree = oracle.tree("kerberos")
        modules = glob.glob(f"{self.tree}/usr/lib/*/krb5/plugins/kdb")
        if not modules:
            raise Skip("the KDC's package has no database")
        self.folder = room().scratch / "kdc"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        facts = {"realm": REALM, "address": room().address(88), "port": free_port(), "folder": self.folder, "modules": modules[0]}
        self.port, self.address, self.process = facts["port"], facts["address"], None
        (self.folder / "krb5.conf").write_text(CLIENTS.format(**facts))
        (self.folder / "kdc.conf").write_text(SERVER.format(**facts))
        self.environment = {**os.environ, "KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
                            "LD_LIBRARY_PATH": oracle.library_path(self.tree)}
        self.run("sbin/kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        room().defer(self.stop)
        self.start()

    def run(self, program, *arguments):
        done = subprocess.run([self.tree / "usr" / program, *arguments], env=self.environment, capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, lambda: f"{program} {arguments}: {done.stdout}{done.stderr}")

    def start(self):
        self.process = subprocess.Popen([self.tree / "usr/sbin/krb5kdc", "-n", "-r", REALM], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log, end = self.folder / "kdc.log", time.monotonic() + 10
        while not log.exists() or "commencing operation" not in log.read_text():
            check(time.monotonic() < end and self.process.poll() is None, "the KDC does not start")
            time.sleep(0.05)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        (self.folder / "kdc.log").unlink(missing_ok=True)

    def add(self, *principals):
        for principal in principals:
            self.run("sbin/kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {principal}")

    def keytab(self, *principals):
        """The path of a file with their keys, for everybody."""
        path = self.folder / (principals[0].replace("/", "_") + ".keytab")
        if not path.exists():
            for principal in principals:
                self.run("sbin/kadmin.local", "-r", REALM, "-q", f"ktadd -k {path} -norandkey {principal}")
            path.chmod(0o644)
        return path

    def tickets(self, principal, mode=0o644):
        """The path of a file with a ticket for this principal to get others with."""
        path = self.folder / (principal.replace("/", "_") + ".cache")
        self.run("bin/kinit", "-c", str(path), "-k", "-t", str(self.keytab(principal)), principal)
        path.chmod(mode)
        return path


class GssapiClient:
    """The client's messages, of Cyrus SASL in this process."""

    _library = None

    def __init__(self, kdc, tickets, host, service="smtp", user=""):
        os.environ.update(SASL_PATH=plugins(), KRB5_CONFIG=kdc.environment["KRB5_CONFIG"], KRB5CCNAME=f"FILE:{tickets}")
        if not self._library:
            GssapiClient._library = ctypes.CDLL("libsasl2.so.2")
            check(self._library.sasl_client_init(None) == 0, "the SASL library is ready")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_uint))
        self._name, self._connection = user.encode(), ctypes.c_void_p()
        self._function = kind(self._user)

        class Callback(ctypes.Structure):
            _fields_ = [("id", ctypes.c_ulong), ("function", ctypes.c_void_p), ("context", ctypes.c_void_p)]

        function = ctypes.cast(self._function, ctypes.c_void_p)
        self._callbacks = (Callback * 2)(Callback(0x4001, function, None), Callback(0, None, None))
        made = self._library.sasl_client_new(service.encode(), host.encode(), None, None, self._callbacks, 0, ctypes.byref(self._connection))
        check(made == 0, f"sasl_client_new: {made}")

    def _user(self, context, number, result, length):
        result[0] = self._name
        if length:
            length[0] = len(self._name)
        return 0

    def start(self):
        out, size, name = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_char_p()
        status = self._library.sasl_client_start(self._connection, b"GSSAPI", None, ctypes.byref(out), ctypes.byref(size), ctypes.byref(name))
        check(status in (0, 1), f"sasl_client_start: {status}")
        return ctypes.string_at(out, size.value)

    def step(self, challenge):
        """The response, or nothing where the client gives up."""
        out, size = ctypes.c_void_p(), ctypes.c_uint()
        status = self._library.sasl_client_step(self._connection, challenge, len(challenge), None, ctypes.byref(out), ctypes.byref(size))
        return ctypes.string_at(out, size.value) if status in (0, 1) else None
