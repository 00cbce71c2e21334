"""A scratch directory on an ext4 with a journal: what it says about syncs holds for the file systems of servers, where the disk at hand may
have none.  It lies in a file, which has no name any more while it is mounted, and is mounted where nobody else sees it: it goes away with
the processes of this run, however they end."""
import atexit
import os
import pathlib
import subprocess
import tempfile

SIZE = 4 << 30


def use(size=SIZE, bytes_per_inode=16384):
    """From now on queues and mailboxes are there.  In a mount namespace of this run's own."""
    base = os.environ.get("RELAIS_TEST_SCRATCH") or tempfile.gettempdir()
    image = pathlib.Path(tempfile.mkstemp(prefix="relais-bench-", suffix=".ext4", dir=base)[1])
    place = tempfile.mkdtemp(prefix="relais-bench-", dir="/run")
    try:
        os.truncate(image, size)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-i", str(bytes_per_inode), image], check=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
    finally:
        image.unlink()
    atexit.register(leave, place)
    os.chmod(place, 0o1777)
    os.environ["RELAIS_TEST_SCRATCH"] = place


def leave(place):
    subprocess.run(["umount", "-l", place])
    os.rmdir(place)
