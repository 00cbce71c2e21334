"""postmulti: the life of instances, what each of them is told, and everything that is refused."""
import concurrent.futures
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import threading

from support import equal, oracle
from support.compare import scenario
from support.instance import Instance

ETC = pathlib.Path("/etc/postfix")  # the room has an /etc of its own


def furnish(mta):
    """This side becomes the primary instance of the room."""
    if ETC.exists():
        shutil.rmtree(ETC)
    ETC.mkdir()
    lib = mta.root / "lib"
    lib.mkdir(exist_ok=True)
    text = (mta.conf / "main.cf").read_text()
    (ETC / "main.cf").write_text(re.sub(r"(?m)^shlib_directory = .*", f"shlib_directory = {lib}", text).rstrip() + "\n")
    shutil.copy(mta.conf / "master.cf", ETC / "master.cf")
    for name in ("main.cf", "master.cf"):
        shutil.copy(oracle.tree() / f"usr/share/postfix/{name}.dist", mta.conf / f"{name}.proto")
    old = {p for p in mta.root.iterdir() if p.name[0] in "cqd" and p.name[1:] in ("1", "2", "3")}
    for path in old:
        shutil.rmtree(path)


def run(mta, *arguments, environment=None, command="postmulti"):
    """Status and output, with standard error on a terminal: else Postfix tells the log only."""
    # Postfix waits while a main.cf is brand-new.
    for path in [ETC / "main.cf", *mta.root.glob("c?/main.cf")]:
        os.utime(path, (0, path.stat().st_mtime - 10))
    master, slave = pty.openpty()
    env = {**mta.environment(), **(environment or {})}
    if not environment:
        del env["MAIL_CONFIG"]
    arguments = [a.replace("@", str(mta.root)) for a in arguments]
    process = subprocess.Popen([command, *arguments], executable=mta.commands / command, env=env, cwd="/",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    said = []
    reader = threading.Thread(target=lambda: said.append(read_all(master)))
    reader.start()
    out = process.communicate(timeout=50)[0].decode()
    reader.join()
    return f"status {process.returncode}\n{out}{said[0]}"


def read_all(terminal):
    data = b""
    try:
        while more := os.read(terminal, 4096):
            data += more
    except OSError:
        pass
    os.close(terminal)
    return data.decode().replace("\r\n", "\n")


def note_all(mta, commands):
    """Commands that change nothing, several at once."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = pool.map(lambda words: run(mta, *words), commands)
        for words, result in zip(commands, results):
            mta.note(" ".join(words), result)


def note_each(mta, *commands):
    for command in commands:
        mta.note(command, run(mta, *command.split()))


def note_files(mta, name, folder):
    """The settings of an instance, or what is in a directory."""
    path = mta.root / folder
    main = ETC / "main.cf" if folder == "primary" else path / "main.cf"
    if main.exists():
        lines = [line for line in main.read_text().split("\n") if line and not line.startswith(("#", " "))]
        mta.note(f"{name}: settings of {folder}", "\n".join(sorted(" ".join(line.split()) for line in lines)))
    if folder != "primary":
        # submit/ is where users of ours submit whose postdrop cannot be set-gid.
        found = sorted((str(p.relative_to(path)), oct(p.stat().st_mode), p.owner(), p.group() if p.stat().st_mode & 0o30 else "any")
                       for p in path.rglob("*") if p.name != "submit") if path.exists() else "none"
        mta.note(f"{name}: files of {folder}", found)


def places(number):
    return f"config_directory=@/c{number} queue_directory=@/q{number} data_directory=@/d{number}"


REFUSED = """
|-e|-e foo|-l x|-l -p|-p|-x|-p -R status|-e init -R|-a -g x -l|-i - -i x -l|-l -I postfix-n|-z|-e create
-e create -I bad|-e create -I postfix-a/b|-e create -I postfix-a,b|-e create -I postfix-a -G g,h|-e create -I postfix-a x
-e create -I postfix-a foo=bar|-e create -I postfix-a queue_directory=rel|-e create -I postfix-a queue_directory=/
-e create -I postfix-a config_directory=/etc/postfix|-e assign -i -|-e init -I postfix-q|-e init x=y|-e enable -i - a=b
-e import -I postfix-a foo=bar|-l -i nosuch|-l -g nosuch|-x -i nosuch true|-e destroy|-e destroy -i -|-e deport -i -|-e enable
-e disable -a|-e enable -i nosuch|-l -I postfix-a -I postfix-b|-e create -G a -G b
""" + "-e create -I postfix-1 " + places(1)


@scenario(log=False)
def what_is_refused(mta):
    furnish(mta)
    note_all(mta, [words.split() for words in REFUSED.strip().replace("\n", "|").split("|")])
    mta.note("no directory", run(mta, "-l", environment={"MAIL_CONFIG": "/etc"}))
    mta.note("another directory", run(mta, "-l", environment={"MAIL_CONFIG": str(mta.conf)}))


@scenario(log=False)
def primaries_that_cannot_be(mta):
    for name, value in (("meta_directory", "/etc/postfix"), ("meta_directory", "/nonexistent"), ("meta_directory", "/etc/passwd"),
                        ("data_directory", str(mta.queue)), ("daemon_directory", str(mta.queue))):
        furnish(mta)
        text = re.sub(rf"(?m)^{name} = .*", f"{name} = {value}", (ETC / "main.cf").read_text())
        (ETC / "main.cf").write_text(text)
        mta.note(f"{name} = {value.replace(str(mta.root), 'ROOT')}", run(mta, "-l"))
    furnish(mta)
    with open(ETC / "main.cf", "a") as out:
        out.write("multi_instance_name = postfix-q\nmulti_instance_group = gg\nmulti_instance_enable = no\n")
    mta.note("named", run(mta, "-l"))


@scenario(log=False)
def the_life_of_instances(mta):
    furnish(mta)
    note_each(mta, "-l", "-e init", "-e init")
    note_files(mta, "init", "primary")
    note_each(mta, f"-e create -I postfix-1 {places(1)}", f"-e create -I postfix-2 -G twos {places(2)}",
              f"-e create -I postfix-1 {places(3)}", f"-e create -G twos {places(3)}", "-l")
    for folder in ("primary", "c1", "q1", "d1", "c2", "c3"):
        note_files(mta, "create", folder)
    note_each(mta, "-e enable -i postfix-1", "-e assign -i postfix-2 -I postfix-4 -G fours", "-e assign -i postfix-4 -G -", "-l",
              "-e deport -i postfix-1", "-e disable -i postfix-1", "-e deport -i postfix-1", "-l")
    for folder in ("primary", "c1", "c2"):
        note_files(mta, "deport", folder)
    note_each(mta, "-e import -G ones config_directory=@/c1", "-e import config_directory=@/c1", "-l")
    note_files(mta, "import", "primary")
    note_files(mta, "import", "c1")
    note_each(mta, "-e destroy -i postfix-4", "-l", "-e destroy -i postfix-1")
    for folder in ("primary", "c1", "q1", "d1", "c2", "q2", "d2"):
        note_files(mta, "destroy", folder)


the_life_of_instances.seconds = 120


WAYS_TO_NAME = ("1", "postfix-", "postfix", "@/c1", "@/c1/", "@/c4", "/etc/postfix", "/etc/postfix/", "c1")


@scenario(log=False)
def commands_for_instances(mta):
    """Four instances, of which the third is enabled and the last has no name: who is told what, and in which order."""
    furnish(mta)
    setup = ["-e init", f"-e create -I postfix-1 -G ones {places(1)}", f"-e create -I postfix-2 -G twos {places(2)}",
             "-e enable -i 2", f"-e create {places(3)}"]
    for command in setup:
        run(mta, *command.split())
    for command in ("postfix",):  # what is run is only shown
        path = mta.commands / command
        kept = os.readlink(path)
        path.unlink()
        path.write_text('#!/bin/sh\necho "$MAIL_CONFIG: $0 $*"\ncase "$MAIL_CONFIG" in */c1) exit 3; esac\n')
        path.chmod(0o755)
    try:
        note_all(mta, [c.split() for c in (
            "-p start", "-p stop", "-p reload", "-p status", "-p flush", "-p abort", "-p check", "-p -i postfix-1 start",
            "-p -i postfix-1 stop", "-p -i postfix-2 stop", "-p -g ones status", "-p -g ones reload", "-p -i - start-fg",
            "-p -a drain", "-p -- quick-stop", "-l -R", "-l -g twos", "-l -i postfix-1", "-l -i -", "-l -a")])
        note_each(mta, *(f"-l -i {name}" for name in WAYS_TO_NAME), "-l -g -", "-l -i @/c3", "-l -i -", "-e assign -i - -I postfix-main -G -", "-l -i -", "-l -i main",
                  "-l -i /etc/postfix")
    finally:
        path.unlink()
        path.symlink_to(kept)
    script = "env | grep '_directory\\|multi_\\|MAIL_CONFIG\\|^PATH' | sort"
    for words in (["-x", "sh", "-c", script], ["-x", "-R", "sh", "-c", "echo $config_directory"], ["-x", "false"],
                  ["-x", "-i", "-", "sh", "-c", "exit 7"], ["-x", "-i", "postfix-1", "nosuchcommand"],
                  ["-x", "-g", "twos", "sh", "-c", "kill -9 $$"]):
        mta.note(" ".join(words), run(mta, *words))


commands_for_instances.seconds = 120


def test_instances_in_json():
    """Postfix has it since 3.11, so that there is nothing to compare with: the lines that its manual describes."""
    mta = Instance("ours")
    try:
        furnish(mta)
        run(mta, "-e", "init")
        run(mta, "-e", "create", "-I", "postfix-1", "-G", "ones", *places(1).split())
        names = ("name", "group", "enabled", "config_directory")
        listed = [dict(zip(names, line.split(maxsplit=3))) for line in run(mta, "-l").split("\n")[1:-1]]
        for options in ("-lj", "-jlj", "-l -a -j"):
            lines = run(mta, *options.split()).split("\n")[1:-1]
            equal([json.loads(line) for line in lines], listed, options)
        equal(lines[0], '{"name": "-","group": "-","enabled": "y","config_directory": "/etc/postfix"}', "the primary one")
        for options in ("-j -e init", "-j -p status", "-x -j true"):
            equal(run(mta, *options.split()), "status 1\npostmulti: fatal: JSON output available only with '-l'\n", options)
    finally:
        mta.destroy()


def masters(mta):
    """Which of the queues are locked by a running master."""
    found = []
    for queue in (mta.queue, mta.root / "q1", mta.root / "q2"):
        pid = queue / "pid/master.pid"
        alive = pid.exists() and pathlib.Path(f"/proc/{pid.read_text().strip()}").exists()
        found.append(f"{queue.name} {'runs' if alive else 'does not run'}")
    return ", ".join(found)


def without_remarks(text):
    """The releases differ in what they call an old compatibility_level, all programs of an instance of this
    harness are links out of its directory, and a loaded machine takes its time."""
    return "".join(line for line in re.sub(r"PID: \d+", "PID: N", text).splitlines(True)
                   if not re.search("(?i)compatib|symlink leaves|waiting for the", line))


def postfix(mta, *arguments):
    return without_remarks(run(mta, *arguments, command="postfix"))


@scenario(log=False)
def starting_and_stopping_all(mta):
    """postfix(1) without -c is for all instances, of which the second is not enabled."""
    mta.stop()
    furnish(mta)
    setup = ["-e init", f"-e create -I postfix-1 {places(1)}", f"-e create -I postfix-2 {places(2)}",
             "-e enable -i postfix-1"]
    for command in setup:
        run(mta, *command.split())
    try:
        for command in ("status", "start", "status", "start", "reload", "stop", "status"):
            mta.note(f"postfix {command}", postfix(mta, command))
            mta.note(f"after {command}", masters(mta))
        mta.note("start one", without_remarks(run(mta, "-i", "postfix-1", "-p", "start")))
        mta.note("after start one", masters(mta))
        mta.note("destroy it", run(mta, "-e", "destroy", "-i", "postfix-1"))
        mta.note("disable it", run(mta, "-e", "disable", "-i", "postfix-1"))
        mta.note("destroy it while it runs", run(mta, "-e", "destroy", "-i", "postfix-1"))
        mta.note("only that", postfix(mta, "-c", str(mta.root / "c1"), "stop"))
        mta.note("after stop", masters(mta))
    finally:
        mta.start()


starting_and_stopping_all.seconds = 120
