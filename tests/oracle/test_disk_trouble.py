"""Commands on a disk that is full, and on one that cannot be written."""
import contextlib
import os
import subprocess

from support.compare import scenario
from support.room import ACCOUNTS
from oracle.test_postsuper import put


@contextlib.contextmanager
def mounted(path, *options):
    """Another file system at a folder, in this room's own name space."""
    subprocess.run(["mount", *options, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@scenario(log=False, main="pickup_service_name = nobody")
def full_disk(mta):
    maildrop = mta.queue / "maildrop"
    large = "Subject: x\n\n" + ("x" * 70 + "\n") * 3000
    with mounted(maildrop, "-t", "tmpfs", "-o", "size=32k,mode=0730", "none"):
        os.chown(maildrop, ACCOUNTS["postfix"], ACCOUNTS["postdrop"])
        for user in ("alice", None):
            output = mta.sendmail("u1@virt.test", input=large, user=user, record=False)
            said = [line for line in output.stderr.splitlines() if "mail_stream_cleanup" not in line]  # a remark about its stream
            mta.note("sendmail", "\n".join([str(output.status), *said]))
            mta.note("left in maildrop", len(list(maildrop.iterdir())))
        mta.sendmail("u1@virt.test", input="Subject: small\n\nx\n")
        mta.note("a small one", len(list(maildrop.iterdir())))
    (mta.conf / "t").write_text("".join(f"key{number} value\n" for number in range(20000)))
    (mta.root / "small").mkdir(exist_ok=True)
    with mounted(mta.root / "small", "-t", "tmpfs", "-o", "size=64k", "none"):
        (mta.root / "small/t").write_text("".join(f"key{number} value\n" for number in range(2000)))
        output = mta.run("postmap", f"hash:{mta.root}/small/t", record=False)
        mta.note("a table that does not fit", output.status)


@scenario(log=False, main="pickup_service_name = nobody")
def read_only_queue(mta):
    put(mta, "hold/AAAAA1234")
    put(mta, "deferred/B/BBBBB1234")
    with mounted(mta.queue, "--bind", mta.queue):
        subprocess.run(["mount", "-o", "remount,ro,bind", mta.queue], check=True)
        for arguments in (["-h", "BBBBB1234"], ["-d", "AAAAA1234"], ["-e", "BBBBB1234"], ["-r", "BBBBB1234"]):
            output = mta.run("postsuper", *arguments, record=False)
            mta.note(f"postsuper {arguments}", f"{output.status} {'Read-only file system' in output.stderr}")
        mta.run("postcat", "-qh", "AAAAA1234")
    mta.note("files", sorted(path.name for path in mta.queue_files("hold", "deferred", "maildrop")))
    for path in mta.queue_files("hold", "deferred"):
        path.unlink()
