"""What ASan and UBSan report in a build with SANITIZE=1, whose programs write to files of a fixed
folder (tests/sanitized/options.cc).  A test that leaves a report has failed."""
import pathlib
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
        found.append(f"{path.name}:\n{path.read_text(errors='replace')}")
        path.unlink()
    return found
