"""A fresh Debian in a folder, for what a newcomer types: a minimal root made by debootstrap, the committed
state of this checkout in it, and commands run there as root or as an ordinary user with sudo.  What the
machine happens to have installed cannot help in there.  The bare root is kept as an archive between runs.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess

from support import ROOT, Skip

RELEASE = "bookworm"
CACHE = pathlib.Path(os.environ.get("RELAIS_FRESH_CACHE", "/var/tmp/relais-fresh"))
# What apt needs to reach the same archives as the machine itself.
APT_FILES = ("apt.conf.d", "auth.conf.d", "sources.list.d", "keyrings", "trusted.gpg.d", "preferences.d", "sources.list")
PREPARE_USER = """
command -v sudo >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends sudo; } >/dev/null
id newcomer >/dev/null 2>&1 || useradd --create-home newcomer
echo 'newcomer ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/newcomer
chown -R newcomer /home/newcomer/relais
"""
CHECKOUT = "home/newcomer/relais"


class FreshRoot:
    def __init__(self):
        self._require()
        self._own_cache()
        archive = CACHE / f"{RELEASE}.tar"
        self.path = CACHE / "root"
        self._remove()
        if not archive.exists():
            self._bootstrap(archive)
        self.path.mkdir()
        subprocess.run(["tar", "-C", self.path, "-xf", archive], check=True)
        self._copy_checkout()

    def close(self):
        self._remove()

    def run(self, command, user="root", seconds=1500):
        """Runs a shell command in the checkout; returns subprocess.CompletedProcess with the output as text."""
        if user != "root":
            self._enter(PREPARE_USER, "/", 600).check_returncode()
            command = f"exec su newcomer -c 'cd /{CHECKOUT} && {command}'"
        return self._enter(command, f"/{CHECKOUT}", seconds)

    def _enter(self, command, folder, seconds):
        script = ('mount --rbind /dev "$ROOT_DIR/dev" && mount -t proc proc "$ROOT_DIR/proc" && '
                  'mount -t tmpfs -o mode=1777 tmpfs "$ROOT_DIR/tmp" && '
                  'exec chroot "$ROOT_DIR" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin '
                  'LANG=C.UTF-8 TERM=dumb /bin/sh -c "cd $IN_ROOT && $COMMAND"')
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script],
            env={**os.environ, "ROOT_DIR": str(self.path), "IN_ROOT": folder, "COMMAND": command}, timeout=seconds,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    # -- making it ------------------------------------------------------------------------------

    @staticmethod
    def _require():
        if os.geteuid() != 0:
            raise Skip("a fresh root needs root")
        for program in ("debootstrap", "unshare", "git"):
            if not shutil.which(program):
                raise Skip(f"a fresh root needs {program}")
        if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
            raise Skip("a fresh root needs namespaces")
        if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True).returncode:
            raise Skip("a fresh root gets what git has committed; this is no checkout")

    @staticmethod
    def _own_cache():
        CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = CACHE.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0:
            raise Skip(f"{CACHE} belongs to somebody else")

    def _bootstrap(self, archive):
        log = CACHE / "debootstrap.log"
        with open(log, "wb") as output:
            done = subprocess.run(["debootstrap", "--variant=minbase", RELEASE, self.path, *mirror()],
                                  stdout=output, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Skip(f"debootstrap cannot make a Debian here: {log.read_text(errors='replace').strip().splitlines()[-1:]}")
        self._furnish()
        partial = archive.with_suffix(".partial")
        subprocess.run(["tar", "-C", self.path, "-cf", partial, "."], check=True)
        partial.rename(archive)
        self._remove()

    def _furnish(self):
        apt = self.path / "etc/apt"
        (apt / "sources.list").unlink(missing_ok=True)
        for name in APT_FILES:
            source = pathlib.Path("/etc/apt") / name
            if source.is_dir():
                shutil.copytree(source, apt / name, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, apt / name)
        for hook in apt.glob("apt.conf.d/*"):
            if re.search(r"packagekit|appstream|Post-Invoke", hook.name + hook.read_text(errors="replace")):
                hook.unlink()
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.path / "etc" / name)
        certificates = self.path / "etc/ssl/certs"
        if pathlib.Path("/etc/ssl/certs").is_dir():
            shutil.copytree("/etc/ssl/certs", certificates, dirs_exist_ok=True, symlinks=False, ignore_dangling_symlinks=True)
        # No service may start because a package brings it.
        policy = self.path / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def _copy_checkout(self):
        target = self.path / CHECKOUT
        target.mkdir(parents=True)
        files = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-C", target, "-x"], input=files, check=True)

    def _remove(self):
        if self.path.exists():
            subprocess.run(["rm", "-rf", "--one-file-system", self.path], check=True)


def mirror():
    """The archive that the machine's apt uses, if it is named anywhere."""
    for path in sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.sources")):
        found = re.search(r"^URIs:\s*(\S+)", path.read_text(errors="replace"), re.MULTILINE)
        if found:
            return [found[1]]
    for path in [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.list"))]:
        if path.exists():
            found = re.search(r"^deb\s+(?:\[[^]]*\]\s+)?(https?\S+)", path.read_text(errors="replace"), re.MULTILINE)
            if found:
                return [found[1]]
    return []
