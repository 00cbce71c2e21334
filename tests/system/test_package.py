"""What `make install` installs is what Debian's package has: every program, daemon and manual page, with the
exceptions that are listed here, each with its reason."""
import re
import subprocess

from support import Skip, check, equal, oracle
from system.test_install import installed

# Of the package, and not of ours.
WITHOUT = {
    # Scripts that the programs of Postfix call; here they are in `postfix` and `postmulti` themselves.
    r"usr/lib/postfix/sbin/(postfix-script|postfix-tls-script|postfix-wrapper|post-install|postmulti-script)":
        "done by postfix and postmulti",
    r"etc/postfix/(post-install|postfix-script|postfix-files.*)": "done by postfix",
    r"usr/lib/postfix/sbin/fsstone": "a test of file systems, without a manual page; `make bench` measures mail",
    r"usr/lib/postfix/sbin/[no]qmgr|usr/share/man/man8/oqmgr\.8": "old queue managers: there is one",
    r"usr/lib/postfix/lib(postfix-\w+\.so|milter\.a|xsasl\.a)|usr/lib/postfix/postfix_groups\.pl": "programs here share no libraries",
    r"usr/lib/postfix/postfix-(cdb|lmdb|pcre)\.so": "built in",
    r"usr/share/man/man1/makedefs\.1|usr/share/postfix/makedefs\.out": "how Postfix was compiled",
    r"usr/share/man/man5/nisplus_table\.5": "NIS+ is gone",
    # The package's own: for ours they are the packaging's.
    r"etc/(init\.d|insserv\.conf\.d|network|ppp|resolvconf|rsyslog\.d|ufw)/.*|lib/systemd/.*|usr/lib/networkd-dispatcher/.*":
        "comes with the packaging",
    r"usr/lib/postfix/configure-instance\.sh|usr/share/postfix/.*": "comes with the packaging",
    r"usr/share/(doc|bug|lintian|doc-base)/.*": "documents of the package",
}
# Under another name: the page of this name is theirs.
RENAMED = {"usr/share/man/man5/postfix-wrapper.5": "usr/share/man/man1/postmulti.1"}


def plain(path):
    """A manual page goes by its name, whether it is compressed or has Debian's suffix."""
    return re.sub(r"(\.[158])(postfix)?(\.gz)?$", r"\1", path)


def files_of_the_package():
    tree = oracle.tree()
    packages = sorted((oracle.CACHE / "debs").glob("postfix_*.deb"))
    if not packages:
        raise Skip("the package itself is not here")
    shown = subprocess.run(["dpkg-deb", "-c", packages[-1]], capture_output=True, text=True, check=True).stdout
    found = {plain(line.split()[5].removeprefix("./")) for line in shown.splitlines() if not line.startswith("d")}
    check(tree.exists() and len(found) > 100, found)
    return found


def test_nothing_of_the_package_is_missing():
    theirs = files_of_the_package()
    top = installed()
    ours = {plain(str(path.relative_to(top))) for path in top.rglob("*") if not path.is_dir()}
    missing = {path for path in theirs - ours if RENAMED.get(path) not in ours
               and not any(re.fullmatch(pattern, path) for pattern in WITHOUT)}
    equal(sorted(missing), [], "files of the package that ours has not")
    for path in sorted(theirs & ours):
        if path.startswith(("usr/sbin/", "usr/lib/postfix/sbin/")):
            check((top / path).stat().st_mode & 0o111, f"{path} cannot be executed")


def test_every_exception_is_one():
    """An exception that the package does not have any more, or that ours has, is taken off the list."""
    theirs = files_of_the_package()
    packages = " ".join(path.name for path in (oracle.CACHE / "debs").glob("postfix-*.deb"))
    for pattern in WITHOUT:
        for part in pattern.split("|") if "(" not in pattern else [pattern]:
            found = any(re.fullmatch(part, path) for path in theirs)
            check(found or "cdb" in part and "cdb" in packages or part.startswith("usr/share/(doc"), f"{part}: not in the package")
    for path in RENAMED:
        check(path in theirs, f"{path}: not in the package")


def test_links():
    """mailq, newaliases and rmail are where scripts look for them."""
    top = installed()
    for link, target in (("usr/bin/mailq", "sendmail"), ("usr/bin/newaliases", "sendmail"), ("usr/bin/rmail", "rmail"),
                         ("usr/lib/sendmail", "sendmail")):
        equal((top / link).resolve(), top / "usr/sbin" / target, link)
