"""Calls on files that fail, and notes of all that changes files: the library of faults.c, and what tells it what to do.

    faults = Faults()
    mta = Instance(main=faults.main)               # its processes run with the library
    with faults.failing(7, errno.EIO, [mta.queue]): # the 7th call from here on below that directory
        ...
    faults.hits, faults.what                       # whether it came to that, and which call it was
"""
import contextlib
import errno
import mmap
import os
import pathlib
import struct
import tempfile

from support import Skip
from support.c_programs import compiled
from support.room import room
from support.sanitizer import ON as SANITIZED

KINDS = ("open", "read", "write", "fsync", "rename", "link", "unlink", "mkdir", "close", "ftruncate", "fchmod", "futimens")
CHANGES = tuple(kind for kind in KINDS if kind not in ("read", "futimens"))
SHORT = 0  # a write of less than everything
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT, "EROFS": errno.EROFS, "EMFILE": errno.EMFILE, "short": SHORT}
# What the kernel answers to which calls.
POSSIBLE = {
    errno.EIO: KINDS,
    errno.ENOSPC: ("open", "write", "fsync", "rename", "link", "mkdir", "ftruncate", "close"),
    errno.EDQUOT: ("open", "write", "fsync", "rename", "link", "mkdir", "ftruncate", "close"),
    errno.EROFS: ("open", "write", "rename", "link", "unlink", "mkdir", "ftruncate", "fchmod", "futimens"),
    errno.EMFILE: ("open",),
    SHORT: ("write",),
}
ARMED, COUNT, TRACING, BELOW, WHAT, SIZE = 0, 24, 40, 48, 1072, 2032


class Faults:
    def __init__(self):
        if SANITIZED:
            raise Skip("a sanitized program loads no library before its own")
        library = compiled("faults", "-shared", "-fPIC", "-ldl")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="faults.", dir=room().scratch))
        folder.chmod(0o755)
        self.path, self.trace = folder / "control", folder / "control.trace"
        for path in (self.path, self.trace):
            path.write_bytes(bytes(4096 if path == self.path else 0))
            path.chmod(0o666)  # for every user of an instance
        self.environment = {"LD_PRELOAD": str(library), "RELAIS_FAULTS": str(self.path)}
        self.main = "import_environment = MAIL_CONFIG TZ LANG=C " + " ".join(f"{k}={v}" for k, v in self.environment.items()) + "\n"
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)

    def _put(self, form, at, *values):
        struct.pack_into(form, self.memory, at, *values)

    def set_below(self, directories):
        text = "".join(f"{directory}/\n" for directory in directories).encode()
        assert len(text) < WHAT - BELOW
        self.memory[BELOW:WHAT] = text.ljust(WHAT - BELOW, b"\0")

    @contextlib.contextmanager
    def failing(self, number, error, directories, kinds=None, lasting=False):
        """The Nth call of these kinds, or all from it on; without a number calls are only counted."""
        mask = sum(1 << KINDS.index(kind) for kind in kinds or POSSIBLE[error])
        self.set_below(directories)
        self.memory[WHAT:SIZE] = bytes(SIZE - WHAT)
        self._put("=Iiiqqq", ARMED + 4, mask, error, int(lasting), number or 1 << 60, 0, 0)
        self._put("=i", ARMED, 1)
        try:
            yield self
        finally:
            self._put("=i", ARMED, 0)

    @property
    def count(self):
        return struct.unpack_from("=q", self.memory, COUNT)[0]

    @property
    def hits(self):
        return struct.unpack_from("=q", self.memory, COUNT + 8)[0]

    @property
    def what(self):
        number, _, rest = bytes(self.memory[WHAT:SIZE]).split(b"\0")[0].decode(errors="replace").partition(" ")
        return f"{KINDS[int(number)]} {rest}" if number else "nothing"

    def say(self, text):
        """Notes something of which only the test knows, as what was said."""
        with open(self.trace, "ab") as out:
            out.write(b"said\t0\t0\t\t\t%d\n" % len(text) + text)

    @contextlib.contextmanager
    def tracing(self, directories):
        self.set_below(directories)
        os.truncate(self.trace, 0)
        self._put("=i", TRACING, 1)
        try:
            yield self.trace
        finally:
            self._put("=i", TRACING, 0)
