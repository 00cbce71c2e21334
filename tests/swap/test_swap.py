"""One program of ours in a real Postfix, and one of Postfix's in ours: mail flows all the same.

    tests/run swap -k smtpd        # both directions for one program
"""
from support import BUILD, Skip, check, need_suite
from support.carry import carry, system

DAEMONS = ("master", "smtpd", "cleanup", "trivial-rewrite", "qmgr", "pickup", "bounce", "smtp", "virtual", "local",
           "error", "discard", "showq", "proxymap", "anvil", "postlogd", "verify")
COMMANDS = ("postqueue", "postsuper", "postcat", "postdrop", "sendmail", "postmap", "postalias")


def ours_in_postfix(name):
    def test():
        if not (BUILD / "bin" / name).exists():
            raise Skip(f"{name} is not built")
        run_mixture("postfix", {name: "ours"}, name)
    test.seconds = 90
    return test


def postfix_in_ours(name):
    def test():
        need_suite()
        run_mixture("ours", {name: "postfix"}, name)
    test.seconds = 90
    return test


def run_mixture(kind, swap, name):
    mta = system(kind, swap)
    try:
        carry(mta)
        if name in DAEMONS and name not in ("error", "discard", "virtual", "local", "bounce", "smtp", "cleanup"):
            check(mta.processes(name), f"{name} runs: {mta.processes()}")
    finally:
        mta.destroy()


def test_postfix_alone():
    """The same mail through Postfix as it is: proves the test."""
    run_mixture("postfix", {}, "qmgr")


def test_ours_alone():
    need_suite()
    run_mixture("ours", {}, "qmgr")


for _name in DAEMONS + COMMANDS:
    globals()[f"test_our_{_name}_in_postfix"] = ours_in_postfix(_name)
    globals()[f"test_postfixs_{_name}_in_ours"] = postfix_in_ours(_name)
