"""Obtains the programs that ours are compared with, and the servers that they talk to: Debian's
packages, downloaded by apt-get into build/oracle and unpacked there, never installed."""
import contextlib
import fcntl
import glob
import os
import pathlib
import re
import shutil
import subprocess

from support import ROOT, Skip

CACHE = ROOT / "build/oracle"
WANTED = {
    "postfix": ["postfix", "postfix-cdb", "postfix-lmdb", "postfix-pcre"],
    "dovecot": ["dovecot-core", "dovecot-imapd"],
    "dovecot-pop3": ["dovecot-core", "dovecot-imapd", "dovecot-pop3d"],
    "fetchers": ["fetchmail", "getmail6"],
    "imap-clients": ["offlineimap3", "python3-imaplib2", "python3-distro", "imapfilter", "mutt", "neomutt"],
    "dovecot-ldap": ["dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-ldap"],
    "dovecot-submission": ["dovecot-core", "dovecot-imapd", "dovecot-submissiond"],
    "dovecot-lmtp": ["dovecot-core", "dovecot-lmtpd"],
    "sasl": ["sasl2-bin", "libsasl2-modules-sql"],
    "plugins": ["postfix-ldap", "postfix-mysql", "postfix-pgsql", "postfix-sqlite"],
    "servers": ["mariadb-server-core", "mariadb-client-core", "postgresql-15", "postgresql-client-15", "slapd",
                "ldap-utils", "memcached"],
    "haproxy": ["haproxy"],
    "redis": ["redis-server", "redis-tools"],
    "policy": ["postfix-policyd-spf-python", "python3-spf", "python3-dns", "python3-authres", "python3-spf-engine", "postgrey",
               "libnet-server-perl", "libberkeleydb-perl", "libio-multiplex-perl", "libnetaddr-ip-perl", "libnet-dns-perl"],
    "amavis": [
        "amavisd-new", "spamassassin", "file", "libarchive-zip-perl", "libberkeleydb-perl", "libcgi-pm-perl", "libclone-perl",
        "libcommon-sense-perl", "libconvert-binhex-perl", "libconvert-tnef-perl", "libconvert-uulib-perl",
        "libcrypt-openssl-bignum-perl", "libcrypt-openssl-random-perl", "libcrypt-openssl-rsa-perl", "libdigest-hmac-perl",
        "libhtml-parser-perl", "libhtml-tagset-perl", "libhttp-date-perl", "libio-multiplex-perl", "libio-socket-inet6-perl",
        "libio-socket-ssl-perl", "libio-string-perl", "libio-stringy-perl", "libmail-authenticationresults-perl",
        "libmail-dkim-perl", "libmailtools-perl", "libmime-tools-perl", "libnet-cidr-perl", "libnet-dns-perl",
        "libnet-libidn-perl", "libnet-server-perl", "libnet-smtp-ssl-perl", "libnet-ssleay-perl", "libnetaddr-ip-perl",
        "libregexp-ipv6-perl", "libsocket6-perl", "libsys-hostname-long-perl", "libtimedate-perl", "libunix-syslog-perl",
        "liburi-perl"],
    "log-readers": ["fail2ban", "logwatch", "pflogsumm", "libdate-calc-perl", "libcarp-clan-perl", "libbit-vector-perl", "libdate-manip-perl"],
    "agents": ["procmail", "vacation", "mlmmj", "spamc"],
    "gateways": ["maildrop", "courier-authlib", "uucp"],
    "gnutls": ["exim4-daemon-light", "exim4-base"],
    "dnssec": ["unbound", "bind9-utils", "bind9-libs"],
    "kerberos": ["krb5-kdc", "krb5-admin-server", "krb5-user", "libsasl2-modules-gssapi-mit"],
    "milters": ["opendkim", "opendkim-tools", "python3-milter", "libmilter-dev", "libmilter1.0.1"],
    "more-milters": ["opendmarc", "publicsuffix", "spamass-milter", "spamc", "clamav-milter", "clamav-daemon", "dkimpy-milter", "python3-dkim",
                     "python3-authres", "python3-dnspython", "python3-nacl", "python3-cffi-backend", "python3-milter", "libmilter1.0.1"],
}
ORACLES = [which for which in WANTED if which not in ("servers", "haproxy", "redis", "amavis", "milters", "more-milters", "policy", "agents",
                                                           "dnssec", "gateways", "gnutls", "kerberos",
                                                           "fetchers", "imap-clients", "log-readers")]
ROUNDS = 6  # of looking for libraries that libraries need


def tree(which="postfix"):
    """The folder that holds the unpacked packages (usr/, etc/ below it), or a skip."""
    folder = CACHE / which
    if (folder / ".complete").exists():
        return folder
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        # The servers are many: who needs none does not wait for them.
        lock = open(CACHE / ("servers.lock" if which == "servers" else "lock"), "w")
    except OSError as error:
        raise Skip(f"Debian's {which} is not fetched yet, and there is no place for it: {error}")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _tree(which)


def prepare(with_servers=False):
    """Fetches everything before the first test, so that no test's time is spent on it.  The servers only
    where another account runs the tests: else the files that need them wait for those (support.databases)."""
    for which in [*ORACLES, *(["servers"] if with_servers else [])]:
        try:
            tree(which)
        except Skip:
            continue
    if os.geteuid() == 0:
        list_plugins(CACHE)


def list_plugins(cache):
    """Postfix loads plug-ins only where dynamicmaps.cf is root's: writes one, for all who run tests from here."""
    lines = []
    for path in sorted([*cache.glob("postfix/usr/lib/postfix/postfix-*.so"), *cache.glob("plugins/usr/lib/postfix/postfix-*.so")]):
        kind = path.stem.removeprefix("postfix-")
        writer = f" mkmap_{kind}_open" if kind in ("cdb", "lmdb", "sdbm") else ""
        lines.append(f"{kind} {path} dict_{kind}_open{writer}\n")
    path = cache / "list/dynamicmaps.cf"
    if lines and not (path.exists() and path.stat().st_uid == 0 and path.read_text() == "".join(lines)):
        with contextlib.suppress(OSError):  # a checkout that is read only has none
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text("".join(lines))


def plugin_list():
    """The folder with that dynamicmaps.cf, for meta_directory, or a skip."""
    path = CACHE / "list/dynamicmaps.cf"
    if not path.exists() or path.stat().st_uid:
        raise Skip("Postfix loads plug-ins only where dynamicmaps.cf is root's")
    return path.parent


def _tree(which):
    folder = CACHE / which
    if (folder / ".complete").exists():
        return folder
    why_not = CACHE / f"{which}.unavailable"
    if why_not.exists():
        raise Skip(why_not.read_text())
    debs = CACHE / ("server-debs" if which == "servers" else "debs")
    reason = _unpack(WANTED[which], folder, debs)
    if reason:
        why_not.write_text(f"Debian's {which} can't be had: {reason}")
        raise Skip(why_not.read_text())
    _add_missing_libraries(folder, debs, WANTED[which])
    (folder / ".complete").touch()
    return folder


def _unpack(packages, folder, debs):
    """Downloads and unpacks; returns the reason why not, or nothing."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return "no apt-get and dpkg-deb here"
    debs.mkdir(exist_ok=True)
    for package in packages:
        if not glob.glob(f"{debs}/{package}_*.deb"):
            got = subprocess.run(["apt-get", "download", "-q", package], cwd=debs, text=True,
                                 capture_output=True)
            if got.returncode:
                return got.stderr.strip().splitlines()[-1] if got.stderr else "apt-get download failed"
    folder.mkdir(exist_ok=True)
    for package in packages:
        deb = sorted(glob.glob(f"{debs}/{package}_*.deb"))[-1]
        if subprocess.run(["dpkg-deb", "-x", deb, folder]).returncode:
            return f"dpkg-deb -x {deb} failed"
    # Nothing here is installed: nobody gets root's rights from it.
    subprocess.run(["find", folder, "-type", "f", "-perm", "-4000", "-exec", "chmod", "u-s", "{}", "+"], check=True)
    return ""


def _add_missing_libraries(folder, debs, packages):
    """Libraries that the programs need and this machine lacks come from the packages that theirs depend on,
    and from those that these depend on, until the loader finds all or there is nothing more to be had."""
    seen = set(packages)
    for _ in range(ROUNDS):
        if not packages or not _lacks_libraries(folder):
            return
        packages = [name for name in _libraries_of(packages, debs, seen) if not _unpack([name], folder, debs)]


def _lacks_libraries(folder):
    binaries = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()
                and p.open("rb").read(4) == b"\x7fELF"]
    shown = subprocess.run(["ldd", *binaries], capture_output=True, text=True,
                           env={"LD_LIBRARY_PATH": library_path(folder), "PATH": "/usr/bin:/bin"})
    return "not found" in shown.stdout


def _libraries_of(packages, debs, seen):
    """Names of the libraries that these packages depend on and that are not installed; each once, noted in `seen`."""
    found = []
    for package in packages:
        deb = sorted(glob.glob(f"{debs}/{package}_*.deb"))[-1]
        fields = subprocess.run(["dpkg-deb", "-f", deb, "Depends", "Pre-Depends"], capture_output=True, text=True).stdout
        for name in re.findall(r"(?:^|[:,|])\s*(lib[a-z0-9.+-]+)", fields, re.M):
            if name not in seen and not _installed(name):
                found.append(name)
            seen.add(name)
    return found


def _installed(package):
    shown = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True)
    return shown.stdout == "installed"


def _library_dirs(folder):
    own = [folder / "usr/lib/postfix", folder / "usr/lib/dovecot"]
    return [d for d in [*own, *folder.glob("usr/lib/*-linux-gnu"), *folder.glob("lib/*-linux-gnu")] if d.is_dir()]


def library_path(folder):
    return ":".join(str(d) for d in _library_dirs(folder))


def write_loader_cache(path, scratch):
    """A loader cache in which the oracle's own libraries are found too, so that even set-gid
    programs run from where they were unpacked."""
    lines = ["include /etc/ld.so.conf.d/*.conf"]
    for which in ORACLES:
        try:
            lines += [str(d) for d in _library_dirs(tree(which))]
        except Skip:
            continue
    conf = pathlib.Path(scratch) / "ld.so.conf"
    conf.write_text("\n".join(lines) + "\n")
    subprocess.run(["ldconfig", "-X", "-C", str(path), "-f", str(conf)], check=True,
                   capture_output=True)


def daemon(name):
    return tree("postfix") / "usr/lib/postfix/sbin" / name


def command(name):
    return tree("postfix") / "usr/sbin" / name


def daemons():
    return sorted(p.name for p in (tree("postfix") / "usr/lib/postfix/sbin").iterdir())


def commands():
    return sorted(p.name for p in (tree("postfix") / "usr/sbin").iterdir())
