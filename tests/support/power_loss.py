"""What may be on disk after a power loss at any instant of a run, from the notes of faults.c: whether each message is still somewhere.

Two models of a file system.  Of a file's content there is what was written before its last fsync, and perhaps more, in both.

* journal: changes of names (create, rename, link, unlink, mkdir, chmod) become durable in their order, for each file system.  fsync of a file
  or directory brings all up to the last change of it.  What was written and not synced comes after the changes of names before it: the journal
  is written every 5 s, pages when they are 30 s old.  (ext4 with data=ordered, xfs, btrfs; a kernel that has no memory left writes pages sooner.)
* strict: pages are written when the kernel likes.  Each change of a name becomes durable when it likes, alone, until an fsync of its directory (of the new one, for a rename, which is one
  change); a mode with fsync of its file.  What is in a directory is gone where the directory is.
"""
import collections
import itertools
import os
import re

from support import check
from support.queuefile import parse

MARKER = re.compile(rb"marker-\d{6}-end")  # in each message, in one piece
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")


class File:
    """Its content as a list of changes: (offset, bytes), or (size, None) where it was cut; and how many changes of names came before each."""

    def __init__(self):
        self.changes, self.after, self.synced = [], [], 0

    def content(self, count):
        data = bytearray()
        for offset, piece in self.changes[:count]:
            if piece is None:
                del data[offset:]
            else:
                data.extend(bytes(max(0, offset - len(data))))
                data[offset:offset + len(piece)] = piece
        return bytes(data)


class Change:
    """Of a name or a mode.  `settled`: it outlives a power loss from now on."""

    def __init__(self, what, file, old="", new="", mode=0):
        self.what, self.file, self.old, self.new, self.mode, self.settled = what, file, old, new, mode, False

    def directory(self):
        return os.path.dirname(self.new or self.old)

    def apply(self, names, modes, directories):
        if self.old and names.get(self.old) is self.file:
            del names[self.old]
        if self.what == "mkdir":
            directories.add(self.new)
        elif self.new:
            names[self.new] = self.file
        if self.what in ("create", "mode"):
            modes[self.file] = self.mode


def records(path):
    """(what, inode, number, one, two, data) of each note."""
    with open(path, "rb") as file:
        while line := file.readline():
            what, inode, number, one, two, size = line.decode().rstrip("\n").split("\t")
            yield what, int(inode), int(number), one, two, file.read(int(size))


class Replay:
    """Takes the notes one by one; after each, missing() says what a power loss may take."""

    def __init__(self, model, roots=()):
        self.model, self.roots = model, [str(root) for root in roots]  # of file systems of their own
        self.files, self.changes, self.made = {}, [], set()
        self.holders = collections.defaultdict(list)  # marker: the files that it was written to
        self.seen = {}                                # marker: what was the case when it was looked for
        self.states = self.syncs = 0

    def file_system(self, path):
        return next((root for root in self.roots if path.startswith(root + "/")), "")

    def file(self, inode):
        return self.files.setdefault(inode, File())

    def take(self, what, inode, number, one, two, data):
        if what == "create":
            self.files[inode] = File()
            self.changes.append(Change("create", self.files[inode], new=one, mode=number))
            self.note_log(self.files[inode], one)
        elif what == "mkdir":
            self.made.add(one)
            self.files.pop(inode, None)  # a file that is gone had this number
            self.changes.append(Change("mkdir", None, new=one))
        elif what in ("rename", "link"):
            self.changes.append(Change(what, self.file(inode), old=one if what == "rename" else "", new=two))
        elif what == "unlink":
            self.changes.append(Change("unlink", self.named(one), old=one))
        elif what == "mode":
            self.changes.append(Change("mode", self.file(inode), mode=number))
        elif what == "write":
            file = self.file(inode)
            self.change_content(file, number, data)
            for marker in MARKER.findall(data):
                if file not in self.holders[marker]:
                    self.holders[marker].append(file)
        elif what == "cut":
            self.change_content(self.file(inode), number, None)
        elif what in ("fsync", "syncfs"):
            self.syncs += 1
            self.settle(what, inode, one)

    def note_log(self, log, path):
        """What is to be returned of a message is a part of it."""
        if "/bounce/" in path:
            for files in self.holders.values():
                if any(os.path.basename(c.new) == os.path.basename(path) for c in self.changes if c.file in files):
                    files.append(log)

    def change_content(self, file, number, data):
        file.changes.append((number, data))
        file.after.append(len(self.changes))

    def named(self, path):
        """The file that has this name now, of all changes."""
        for change in reversed(self.changes):
            if change.new == path:
                return change.file
        return None

    def settle(self, what, inode, path):
        file = self.files.get(inode)
        if what == "syncfs":
            for each in self.files.values():
                each.synced = len(each.changes)
            touched = [c for c in self.changes if self.file_system(c.new or c.old) == self.file_system(path)]
        elif file:
            file.synced = len(file.changes)
            touched = [c for c in self.changes if c.file is file]
        else:
            touched = [c for c in self.changes if path in (c.directory(), os.path.dirname(c.old))]
        if self.model == "strict":
            for change in touched:
                # fsync of a file is no promise of its names.
                change.settled |= what == "syncfs" or (change.what == "mode" if file else path == change.directory())
        elif touched:
            place = self.file_system(path)
            for change in self.changes[:self.changes.index(touched[-1]) + 1]:
                change.settled |= self.file_system(change.new or change.old or path) == place

    def outcomes(self, changes):
        """Which of these changes may be durable, each way a list."""
        if self.model == "strict":
            for choice in itertools.product((True, False), repeat=sum(not c.settled for c in changes)):
                some = iter(choice)
                yield [c for c in changes if c.settled or next(some)]
            return
        systems = sorted({self.file_system(c.new or c.old) for c in changes if c.what != "mode"} or {""})
        per_system = {s: [c for c in changes if self.file_system(c.new or c.old) == s or c.what == "mode" and s == ""] for s in systems}
        prefixes = [[own[:n] for n in range(len([c for c in own if c.settled]), len(own) + 1)] for own in per_system.values()]
        for chosen in itertools.product(*prefixes):
            kept = set(itertools.chain(*chosen))
            yield [c for c in changes if c in kept]

    def missing(self, marker):
        """A state in which the message with this text is nowhere, or None."""
        files = self.holders[marker]
        mine = [c for c in self.changes if c.file in files]
        parents = {os.path.dirname(name) for c in mine for name in (c.old, c.new) if name}
        mine = [c for c in self.changes if c in mine or c.what == "mkdir" and any((p + "/").startswith(c.new + "/") for p in parents)]
        now = ([c.settled for c in mine], [(f.synced, len(f.changes)) for f in files])
        if self.seen.get(marker) == now:
            return None
        self.seen[marker] = now
        for kept in self.outcomes(mine):
            contents = [[f.content(n) for n in {f.synced, self.most_content(f, mine, kept)}] for f in files]
            names, modes, directories = {}, {}, set()
            for change in kept:
                change.apply(names, modes, directories)
            reachable = [(n, f) for n, f in names.items() if not self.is_lost(n, directories)]
            for texts in itertools.product(*contents):
                self.states += 1
                text_of = dict(zip(files, texts))
                there = {name: text_of[f] for name, f in reachable}
                if not any(holds(name, modes.get(f, 0), there, marker) for name, f in reachable):
                    return f"{[(c.what, c.old, c.new) for c in mine if c not in kept]} not on disk; " + \
                        f"there is {[(n, oct(modes.get(f, 0)), len(text_of[f])) for n, f in reachable]}"
        return None

    def most_content(self, file, mine, kept):
        """How many changes of its content can be on disk where only these changes of names are."""
        if self.model == "strict":
            return len(file.changes)
        name = next((c.new for c in self.changes if c.file is file and c.new), "")
        system = self.file_system(name)
        absent = [self.changes.index(c) for c in mine if c not in kept and c.what != "mode" and self.file_system(c.new or c.old) == system]
        first = min(absent, default=len(self.changes))
        return max(file.synced, sum(after <= first for after in file.after))

    def is_lost(self, name, directories):
        parts = name.split("/")
        above = ("/".join(parts[:n]) for n in range(2, len(parts)))
        return any(directory in self.made and directory not in directories for directory in above)


def holds(name, mode, there, marker):
    """Whether somebody finds the message under this name, of all that are there."""
    if marker not in there[name]:
        return False
    parts = name.split("/")
    if parts[-2] in ("new", "cur"):
        return True
    if not any(queue in parts[-4:-1] for queue in QUEUES):
        return parts[-2] not in ("tmp", "corrupt")  # an mbox
    try:
        kinds = [kind for _, kind, _ in parse(there[name])]
    except (AssertionError, IndexError):
        return False  # only a part of it
    to_return = any("/bounce/" in log and log.endswith("/" + parts[-1]) and text for log, text in there.items())
    return mode & 0o100 and "E" in kinds and ("R" in kinds or to_return)


def check_run(trace, model, acknowledged, roots=()):
    """`acknowledged(note)` gives the markers that this note of what was said acknowledges.  The replay, for its counts."""
    replay, promised = Replay(model, roots), set()
    for number, note in enumerate(records(trace)):
        if note[0] == "said":
            promised |= set(acknowledged(replay, note))
        else:
            replay.take(*note)
        for marker in promised:
            lost = replay.missing(marker)
            check(not lost, lambda: f"{model}: {marker.decode()} may be lost after call {number}, {note[:5]}: {lost}")
    check(promised, "nothing was acknowledged")
    return replay
