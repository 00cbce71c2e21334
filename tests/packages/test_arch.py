"""Arch's packages: what makepkg says of the PKGBUILD, and what is where in the packages that it makes of this build.

makepkg is Debian's; the build itself is the one that is here (Arch's has no Berkeley DB), so that nothing is compiled."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tarfile
import tempfile

from support import BUILD, ROOT, Skip, check, count_cases, equal

SOURCES = ROOT / "packaging/arch"
PACKAGES = ("relais", "relais-mailbox", "relais-ldap", "relais-mysql", "relais-pgsql", "relais-sqlite")
CONF = "PKGDEST=\nSRCDEST=\nBUILDDIR=\nBUILDENV=(!distcc !color !ccache !check !sign)\nOPTIONS=(!strip docs libtool staticlibs emptydirs !zipman !purge !debug)\n"


def need(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise Skip(f"needs {' '.join(missing)}")


def as_builder(argv, cwd):
    """makepkg does not run as root."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    subprocess.run(["chown", "-R", str(account.pw_uid), cwd], check=os.geteuid() == 0)
    done = subprocess.run(argv, cwd=cwd, user=account.pw_uid if os.geteuid() == 0 else None, group=account.pw_gid if os.geteuid() == 0 else None,
                          extra_groups=[] if os.geteuid() == 0 else None, capture_output=True, text=True, timeout=500,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", "PKGEXT": ".pkg.tar", "PACMAN": "true"})
    equal(done.returncode, 0, f"{argv}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout + done.stderr


class Place:
    """A directory with the PKGBUILD in it, which goes away again."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="relais-arch.", dir="/var/tmp"))
        self.path.chmod(0o755)
        for source in SOURCES.iterdir():
            shutil.copy(source, self.path)
        system = pathlib.Path("/etc/makepkg.conf")
        (self.path / "makepkg.conf").write_text((system.read_text() if system.exists() else "") + CONF)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def sources(place):
    """The sources as makepkg unpacks them, with what this build has made in the place of the one that it would make."""
    tree = place / f"src/relais-{version()}"
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", tree, "-x"], input=archive, check=True)
    target = tree / "build/db-no"
    for name in ("bin", "plugins", "man"):
        shutil.copytree(BUILD / name, target / name)
    (place / f"relais-{version()}.tar.gz").touch()
    for name in ("relais.sysusers", "relais.tmpfiles"):
        shutil.copy(place / name, place / "src")


def version():
    return re.search(r"^VERSION\s*:= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]


def test_what_makepkg_reads():
    need("makepkg")
    with Place() as place:
        shown = as_builder(["makepkg", "--config", "makepkg.conf", "--printsrcinfo"], place)
    equal(re.findall(r"^pkgname = (\S+)$", shown, re.M), list(PACKAGES), "packages")
    equal(re.search(r"pkgver = (\S+)", shown)[1], version(), "version")
    for line in ("provides = smtp-server", "conflicts = postfix", "provides = imap-server", "backup = etc/postfix/main.cf", "install = relais.install"):
        check(line in shown, f"{line}\n{shown}")
    check("replaces" not in shown, "an upgrade of the system must not bring another mail system")


def test_what_the_tools_need_is_what_dev_installs():
    """makedepends are the packages of ./dev deps that building takes."""
    listed = re.search(r"^ARCH_PACKAGES=\"(.*?)\"", (ROOT / "dev").read_text(), re.S | re.M)[1].split()
    needed = re.search(r"^makedepends=\((.*?)\)", (SOURCES / "PKGBUILD").read_text(), re.S | re.M)[1].split()
    equal(sorted(set(needed) - set(listed)), [], "not in ./dev")
    equal(sorted(set(listed) - set(needed) - {"ccache", "git", "compiler-rt", "catch2", "swaks", "perl-net-ssleay", "isync", "curl", "strace"}), [], "only in ./dev")


def packed(place, name):
    [path] = place.glob(f"{name}-{version()}-*.pkg.tar")
    with tarfile.open(path) as archive:
        return {member.name: member for member in archive.getmembers()}, {
            member.name: archive.extractfile(member).read().decode() for member in archive.getmembers()
            if member.isfile() and member.name.startswith(("etc/", "usr/lib/systemd", ".PKGINFO"))}


def test_packages():
    need("makepkg", "bsdtar", "fakeroot", "make")
    with Place() as place:
        sources(place)
        as_builder(["makepkg", "--config", "makepkg.conf", "--repackage", "--nodeps", "--noextract"], place)
        found = {name: packed(place, name) for name in PACKAGES}
    check_layout(*found["relais"])
    equal(sorted(set(found["relais"][0]) & set(found["relais-mailbox"][0]) & set_of_files(found["relais"][0])), [], "in both packages")
    for path in ("usr/bin/doveadm", "usr/lib/postfix/bin/imap", "usr/share/man/man1/doveadm.1"):
        check(path in found["relais-mailbox"][0], path)
    for kind in ("ldap", "mysql", "pgsql", "sqlite"):
        check(f"usr/lib/postfix/postfix-{kind}.so" in found[f"relais-{kind}"][0], kind)


def set_of_files(members):
    return {name for name, member in members.items() if not member.isdir() and not name.startswith(".")}


def check_layout(members, texts):
    for path in ("usr/bin/postfix", "usr/bin/relais", "usr/bin/rmail", "usr/lib/postfix/bin/master", "usr/share/zsh/site-functions/_relais",
                 "usr/lib/systemd/system/postfix@.service", "usr/lib/sysusers.d/relais.conf", "usr/lib/tmpfiles.d/relais.conf"):
        check(path in members and not members[path].issym(), path)
    for link, target in (("usr/bin/mailq", "sendmail"), ("usr/bin/newaliases", "sendmail"), ("usr/lib/sendmail", "../bin/sendmail"),
                         ("usr/lib/postfix/sbin", "bin"), ("usr/lib/postfix/bin/lmtp", "smtp")):
        equal(members[link].linkname, target, link)
    equal([path for path in members if re.match(r"usr/sbin|lib/|var/|sbin/", path)], [], "outside of Arch's directories")
    for name in ("postdrop", "postqueue", "postlog"):
        member = members[f"usr/bin/{name}"]
        equal((oct(member.mode), member.uid, member.gid), ("0o2755", 0, 75), name)
    equal(re.findall(r"^[a-z]\S*\s+\S+\s+[-yn]\s+[-yn]\s+y\b.*", texts["etc/postfix/master.cf"], re.M), [], "services in a jail")
    main = texts["etc/postfix/main.cf"]
    check("alias_maps = lmdb:/etc/postfix/aliases" in main and "daemon_directory = /usr/lib/postfix/bin" in main and "\nhash:" not in main, main)
    unit = texts["usr/lib/systemd/system/postfix@.service"]
    check("ExecStart=/usr/bin/postmulti" in unit and "/usr/usr" not in unit and "sbin" not in unit, unit)
    check("mongodb" not in texts["etc/postfix/dynamicmaps.cf"], "a table type that is not packaged")
    for line in ("conflict = postfix", "provides = smtp-forwarder", "backup = etc/postfix/master.cf"):
        check(line in texts[".PKGINFO"], texts[".PKGINFO"])
    count_cases(20)


def test_what_an_administrator_had_changed_goes_on():
    """pacman takes Postfix away first, and leaves changed files as *.pacsave."""
    with Place() as place:
        conf = place / "etc"
        conf.mkdir()
        for name, text in (("main.cf", "ours"), ("main.cf.pacsave", "theirs"), ("master.cf", "ours"), ("dynamicmaps.cf", "ours"),
                           ("dynamicmaps.cf.pacsave", "theirs"), ("transport.pacsave", "theirs"), ("access.pacsave", "old"), ("access", "new")):
            (conf / name).write_text(text)
        subprocess.run(["bash", "-c", f"source {SOURCES}/relais.install; _configuration_of_postfix {conf}"], check=True)
        equal({path.name: path.read_text() for path in conf.iterdir()},
              {"main.cf": "theirs", "main.cf.pacnew": "ours", "master.cf": "ours", "dynamicmaps.cf": "ours", "dynamicmaps.cf.pacsave": "theirs",
               "transport": "theirs", "access": "new", "access.pacsave": "old"}, "files")


for slow in (test_what_makepkg_reads, test_packages):
    slow.seconds = 300
