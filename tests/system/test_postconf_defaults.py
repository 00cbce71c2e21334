"""postconf -d: every parameter of the release whose level ours has, with that release's default."""
import pathlib
import subprocess
import tempfile

from support import BUILD, check, need_program

RELEASE = pathlib.Path(__file__).parent / "postconf_defaults.tsv"
# Postfix's defaults here come from `make`, and Debian's package has others; the last two are facts
# about the program that runs.
DIFFERENT = {"html_directory": "/usr/share/doc/postfix/html", "readme_directory": "/usr/share/doc/postfix",
             "manpage_directory": "/usr/share/man", "shlib_directory": "/usr/lib/postfix",
             "mail_version": None, "process_id": None}


def defaults():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("main.cf", "master.cf"):
            (pathlib.Path(folder) / name).write_text("")
        done = subprocess.run([BUILD / "bin/postconf", "-c", folder, "-d"], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    return {name: value.strip() for name, _, value in (line.partition(" =") for line in done.stdout.splitlines())}


def test_defaults_of_the_release():
    need_program("postconf")
    ours, wrong = defaults(), []
    for line in RELEASE.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, _, wanted = line.partition("\t")
        wanted = DIFFERENT.get(name, wanted)
        if name not in ours:
            wrong.append(f"{name} is missing")
        elif wanted is not None and ours[name] != wanted:
            wrong.append(f"{name}: {ours[name]!r}, not {wanted!r}")
    check(not wrong, "\n".join(wrong))


def test_a_level_below_changes_defaults():
    """compatibility_level chooses between old and new defaults when the value is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "master.cf").write_text("")
        for level, wanted in (("0", "yes"), ("3.6", "no")):
            (path / "main.cf").write_text(f"compatibility_level = {level}\n")
            done = subprocess.run([BUILD / "bin/postconf", "-c", folder, "-x", "-h", "append_dot_mydomain"],
                                  capture_output=True, text=True)
            check(done.stdout.strip() == wanted, f"level {level}: {done}")
