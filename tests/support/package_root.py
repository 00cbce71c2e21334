"""Machines to install packages on: Debian roots from FreshRoot's archive, with a network of their own.

    with Machine(layer("postfix", "apt-get install -qy postfix swaks")) as mx:
        mx.apt("install relais")                # downloads outside, installs inside
        mx.run("postfix status")                # as root; the processes that it starts stay

What a layer's command has installed is kept and lies under the machines made from it (overlay mounts).
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from support import BUILD, ROOT, Skip
from support.fresh_root import CACHE, RELEASE, FreshRoot

HOST = "mx.example.test"
ENVIRONMENT = ["env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"]
REPOSITORY = "srv/relais"
QUIET_APT = 'APT::Install-Recommends "false";\nDpkg::Progress-Fancy "0";\nDpkg::Use-Pty "0";\n'


class Machine:
    def __init__(self, *lower, keep=None, room=None):
        """`lower`: directories of layers, the topmost first.  `keep`: where what is written goes, to be a layer itself.
        `room`: megabytes that its disk has for what is written."""
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="rt.", dir=CACHE))
        self.root, self.process = self.scratch / "root", None
        self.prepared(lambda _: self._start(lower, keep, room))

    def prepared(self, prepare):
        """The machine, with which this function has been called; no machine where that fails."""
        try:
            prepare(self)
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, lower, keep, room):
        if room:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}m", "tmpfs", self.scratch], check=True)
        self.upper = keep or self.scratch / "upper"
        for folder in (self.upper, self.scratch / "work", self.root):
            folder.mkdir(exist_ok=True)
        options = f"lowerdir={':'.join(map(str, lower))},upperdir={self.upper},workdir={self.scratch / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        script = ('mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 tmpfs "$0/tmp" && '
                  f'hostname {HOST} && ip link set lo up && exec chroot "$0" bash -c "sleep infinity & wait"')
        # What it says goes into a file: whoever reads what this process says would wait for the machine's end.
        with open(self.scratch / "said", "wb") as said:
            self.process = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--net", "--uts",
                                             "/bin/sh", "-c", script, self.root], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.init = self._child()
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {HOST} mx\n")
        (self.root / "etc/apt/apt.conf.d/90tests").write_text(QUIET_APT)
        self._allow_services(True)

    def _child(self):
        """The machine's first process: a shell, which takes note of the end of processes that nobody else waits for."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            for pid in path.read_text().split():
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "bash":
                    return pid
            time.sleep(0.02)
        raise AssertionError(f"the machine does not start: {(self.scratch / 'said').read_text(errors='replace')}")

    def _allow_services(self, allowed):
        """Whether maintainer scripts start them; without an init system, invoke-rc.d must be told."""
        path = self.root / "usr/sbin/policy-rc.d"
        path.write_text(f"#!/bin/sh\nexit {0 if allowed else 101}\n")
        path.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.root.is_mount():
            subprocess.run(["umount", "-l", self.root], check=True)
        if self.scratch.is_mount():
            subprocess.run(["umount", "-l", self.scratch], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", self.scratch], check=True)

    def attempt(self, command, seconds=300, online=False, text=None):
        """subprocess.CompletedProcess of a shell command, both outputs together.  `online`: with the network of the outside."""
        spaces = ["-m", "-p", "-u"] + ([] if online else ["-n"])
        argv = ["nsenter", "-t", self.init, *spaces, "chroot", self.root, *ENVIRONMENT, "/bin/sh", "-c", f"cd / && {command}"]
        # Into a file: a pipe would end with the last daemon that the command has started.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(argv, input=text.encode() if text else None, stdin=None if text else subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, timeout=seconds)
            output.seek(0)
            done.stdout = output.read().decode(errors="replace")
        return done

    def run(self, command, **options):
        """What a command that must succeed says."""
        done = self.attempt(command, **options)
        if done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout[-3000:]}")
        return done.stdout

    def apt(self, arguments, seconds=600):
        """apt-get, as typed, but that what it needs is downloaded first: the machine itself has no way out."""
        self.run(f"apt-get -qy -o APT::Keep-Downloaded-Packages=1 -d {arguments}", seconds=seconds, online=True)
        return self.run(f"apt-get -qy {arguments}", seconds=seconds)

    def offer(self, *packages):
        """Makes packages of ours (all of them, by default) known to apt."""
        folder = self.root / REPOSITORY
        folder.mkdir(exist_ok=True)
        for path in built():
            if not packages or path.name.split("_")[0] in packages:
                shutil.copy(path, folder)
        index = subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=folder, capture_output=True, check=True).stdout
        (folder / "Packages").write_bytes(index)
        (self.root / "etc/apt/sources.list.d/relais.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
        self.run("apt-get update -q", online=True)

    def read(self, path):
        return (self.root / path).read_text(errors="replace")

    def wait(self, command, seconds=20):
        """Until the command succeeds."""
        end = time.monotonic() + seconds
        while (done := self.attempt(command)).returncode:
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {command}\n{done.stdout[-2000:]}")
            time.sleep(0.2)
        return done.stdout


def built():
    """The packages that `make deb` has made of this build."""
    packages = [path for path in (BUILD / "deb").glob("*.deb") if "-dbgsym" not in path.name]
    if not packages:
        raise Skip("there are no packages: make deb")
    return packages


def bare():
    """The root that debootstrap makes, unpacked once."""
    folder = CACHE / f"{RELEASE}.bare"
    if not folder.exists():
        FreshRoot().close()
        partial = CACHE / "bare.partial"
        subprocess.run(["rm", "-rf", partial], check=True)
        partial.mkdir()
        subprocess.run(["tar", "-C", partial, "-xf", CACHE / f"{RELEASE}.tar"], check=True)
        partial.rename(folder)
    return folder


def layers(*commands):
    """The directories of a machine on which these have run, one after another, with the outside's network; for Machine()."""
    for program in ("nsenter", "ip", "dpkg-scanpackages"):
        if not shutil.which(program):
            raise Skip(f"needs {program}")
    FreshRoot._require()
    below = [bare()]
    for command in commands:
        name = hashlib.sha256("\0".join([*map(str, below), command]).encode()).hexdigest()[:16]
        folder = CACHE / f"layer.{name}"
        if not folder.exists():
            with open(CACHE / "layers.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not folder.exists():  # nobody else has made it meanwhile
                    _make_layer(folder, below, command)
        below.insert(0, folder)
    return below


def _make_layer(folder, below, command):
    partial = folder.with_name(f"{folder.name}.partial")
    subprocess.run(["rm", "-rf", partial], check=True)
    machine = Machine(*below, keep=partial)
    try:
        machine._allow_services(False)
        machine.run("apt-get update -q", online=True)
        machine.run(command, online=True, seconds=900)
    except AssertionError as error:
        raise Skip(f"cannot install what this needs: {str(error)[-300:]}") from error
    finally:
        machine.close()
    partial.rename(folder)


def installing(packages):
    return f"apt-get -qy -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends {packages}"
