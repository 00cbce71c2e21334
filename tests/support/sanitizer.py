"""What ASan and UBSan report in a build with SANITIZE=1, whose programs write to files of a fixed
folder (tests/sanitized/options.cc), and memcheck in that of `make memcheck`.  A test that leaves a report has failed."""
import pathlib
import re
import subprocess

from support import BUILD

FOLDER = pathlib.Path("/tmp/relais-sanitizer")
ON = (BUILD / "obj/tests/sanitized/options.o").exists()
SLOWER = 4 if ON else 1


def prepare(scratch, private):
    """Makes the folder, in a private room one that other rooms don't see."""
    if not ON:
        return
    FOLDER.mkdir(exist_ok=True)
    FOLDER.chmod(0o1777)
    if private:
        own = scratch / "reports"
        own.mkdir()
        own.chmod(0o1777)
        subprocess.run(["mount", "--bind", own, FOLDER], check=True)


def take_reports():
    """The reports so far, each once."""
    found = []
    for path in sorted(FOLDER.glob("report*")) if ON else ():
        # "--123-- WARNING": valgrind knows a system call no better; its errors begin with "==123==".
        text = re.sub(r"(?m)^--\d+--.*\n", "", path.read_text(errors="replace"))
        if text:
            found.append(f"{path.name}:\n{text}")
            path.unlink()
    return found
