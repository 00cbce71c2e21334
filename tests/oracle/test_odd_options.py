"""Commands with options that are put together by chance, and cases that were found so."""
import os
import random

from support import check
from support.compare import scenario
from support.queuefile import record
from oracle.test_postsuper import clear, put

IDS = ["AAAAA1234", "BBBBB1234", "CCCCC1234", "NOSUCH", "bad!id", "", "A" * 300, "../x"]
FIELDS = [("T", "1 1"), ("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"), ("A", "x"), ("F", "full"),
          ("L", "smtp:x"), ("W", "5"), ("M", ""), ("N", "line"), ("X", ""), ("E", ""), ("p", "9"), ("C", "1"), (">", "x"), ("Z", "q")]
NO_PICKUP = "pickup_service_name = nobody\ndefer_transports = smtp local virtual relay\n"


def postsuper(mta, *arguments):
    """Where it gives up Postfix's goes on to say that it is not done."""
    output = mta.run("postsuper", *arguments, record=False)
    said = [line for line in output.stderr.splitlines() if "INCOMPLETE" not in line]
    mta.note(f"postsuper {arguments}", "\n".join([f"status {output.status}", *said]))


@scenario(log=False, main=NO_PICKUP)
def found_by_chance(mta):
    mta.run("postqueue", "-f")
    mta.run("postcat", "-q")
    mta.run("postcat", "-qd", "-be", input="junk")
    mta.run("postdrop", "x", "y", input="")
    mta.run("postdrop", "x", input=b"".join(record(*field) for field in FIELDS[:4]), user="alice")
    mta.run("sendmail", "-X", "/x", "u1@virt.test", input="Subject: x\n\nx\n")
    put(mta, "hold/AAAAA1234")
    postsuper(mta, "-s", "-h", "NOSUCH")
    clear(mta)


@scenario(log=False, main=NO_PICKUP)
def options_end_at_the_first_name(mta):
    """What looks like an option behind a name is a name too."""
    (mta.conf / "t").write_text("key value\n")
    (mta.conf / "a").write_text("key: value\n")
    table, aliases = f"hash:{mta.conf}/t", f"hash:{mta.conf}/a"
    mta.run("postmap", table)
    put(mta, "hold/AAAAA1234")
    for command in (["postmap", "-q", "key", table, "-v"], ["postmap", table, "-q", "key"], ["postmap", "-q", "key", "--", table],
                    ["postalias", aliases, "-q", "key"], ["postconf", "mydomain", "-h"], ["postconf", "-h", "mydomain", "-d"],
                    ["postconf", "mydomain", "--", "x"], ["postconf", "-M", "cleanup/unix", "-f"], ["postconf", "-e", "a=b", "-v"],
                    ["postcat", "/nonexistent", "-e"],
                    ["postqueue", "x", "-p"], ["postlog", "one", "-p", "warn"], ["newaliases", "x", "-v"]):
        mta.run(*command)
    postsuper(mta, "hold", "-d", "AAAAA1234")
    postsuper(mta, "-d", "NOSUCH1234", "hold", "-v")
    for arguments in (["u1@virt.test", "-f", "l@b.test"], ["u1@virt.test", "-i", "-t"], ["u1@virt.test", "--", "-x"], ["-f", "l@b.test", "u1@virt.test", "-q"]):
        mta.run("sendmail", *arguments, input="Subject: x\nTo: u2@virt.test\n\nx\n")
        sent, = mta.queue_files("maildrop")
        mta.note("recipients", [line for line in mta.run("postcat", "-e", sent, record=False).stdout.splitlines() if "recipient" in line or "sender" in line])
        sent.unlink()
    check(len(mta.queue_files("hold")) == 1, "nothing was deleted")
    clear(mta)


def postcat(chance, mta):
    options = ["-" + chance.choice(["b", "e", "h", "d", "o", "q", "bh", "be", "eh", "qd", "oq", "z"]) for _ in range(chance.randint(0, 3))]
    files = [*IDS, "/nonexistent", mta.queue / "hold/AAAAA1234", mta.queue / "hold/CCCCC1234", "/dev/null"]
    return options + [chance.choice(files) for _ in range(chance.randint(0, 2))], chance.choice(["", "junk"])


def postqueue(chance, _):
    arguments = []
    for _ in range(chance.choice([0, 1, 1, 1, 2])):
        option = chance.choice(["-f", "-i", "-s", "-z"])
        sites = ["example.test", "[1.2.3.4]", "nosuch.test", "bad domain", "", "-x", "[", "a..b", "x" * 300]
        value = {"-i": IDS, "-s": sites}.get(option)
        arguments += [option, chance.choice(value)] if value and chance.random() < .9 else [option]
    return arguments, ""


def postlog(chance, _):
    arguments = []
    for _ in range(chance.randint(0, 3)):
        arguments += chance.choice([["-p", "info"], ["-p", "warn"], ["-p", "fatal"], ["-p", "bogus"], ["-i"], ["-t", "tag"], ["-z"], ["-p"],
                                    ["-p", "error"]])
    return arguments + chance.choice([[], ["text"], ["two", "words"], ["%s%n"], ["\x01ctl"], [""], ["--", "-x"], ["l" * 3000]]), "one\ntwo\n"


def postdrop(chance, _):
    """Whole records: where they are torn, the words differ."""
    data = b"".join(record(*chance.choice(FIELDS)) for _ in range(chance.randint(0, 8)))
    return chance.choice([[], ["-r"], ["-z"], ["x"], ["-c", "/nonexistent"], ["-r", "-r"]]), data


def postmap(chance, mta):
    arguments = []
    for _ in range(chance.randint(0, 3)):
        option = chance.choice(["-q", "-d", "-s", "-f", "-n", "-N", "-o", "-p", "-w", "-u", "-h", "-b", "-m", "-z", "-U"])
        keys = ["key", "Key", "-", "", "nosuch", "a b", "k" * 500, "user@dom.test"]
        arguments += [option, chance.choice(keys)] if option in ("-q", "-d") else [option]
    tables = [f"hash:{mta.conf}/t", f"texthash:{mta.conf}/t", "nosuch:x", f"{mta.conf}/t", "static:x", "inline:{a=b, key = v}",
              "pipemap:{inline:{key=x},inline:{x=y}}", "unionmap:{static:a,static:b}", "hash:/nonexistent", "fail:x"]
    if not {"-q", "-d", "-s"} & set(arguments):
        tables = tables[:1]  # what cannot be built is refused in other words where dynamicmaps.cf is missing
    return arguments + [chance.choice(tables) for _ in range(chance.randint(0, 2))], chance.choice(["", "key\nnosuch\nKEY\n", "x y\n"])


RUNS = int(os.environ.get("RELAIS_TEST_RUNS", "18"))
SEED = int(os.environ.get("RELAIS_TEST_SEED", "4"))


def by_chance(tool, arguments_of):
    def run(mta):
        chance = random.Random(f"{tool} {SEED}")
        (mta.conf / "t").write_text("key value\nother  x y\n")
        for _ in range(RUNS):
            put(mta, "hold/AAAAA1234")
            put(mta, "deferred/B/BBBBB1234")
            put(mta, "hold/CCCCC1234", data=b"C\x05junk")
            arguments, data = arguments_of(chance, mta)
            user = None if tool == "postmap" else chance.choice([None, None, "alice"])  # a table that is not hers: other words
            mta.run(tool, *arguments, input=data, user=user)
            if tool == "postqueue":
                mta.settle()  # the queue manager has gone by
            clear(mta)
        check(len(mta.outputs) == RUNS, mta.outputs)
    run.__name__ = f"{tool}_by_chance"
    return run


postcat_by_chance = scenario(by_chance("postcat", postcat), log=False, main=NO_PICKUP)
postqueue_by_chance = scenario(by_chance("postqueue", postqueue), log=False, main=NO_PICKUP)
postlog_by_chance = scenario(by_chance("postlog", postlog), log=False, main=NO_PICKUP)
postdrop_by_chance = scenario(by_chance("postdrop", postdrop), log=False, main=NO_PICKUP)
postmap_by_chance = scenario(by_chance("postmap", postmap), log=False, main=NO_PICKUP)
