"""What programs say of a configuration that they cannot use, and of one that they must not use."""
import concurrent.futures
import os
import shutil

from support.compare import scenario

# What is added to main.cf.
BAD_VALUES = ("relayhost = ${", "mydestination = $mydestination", "hash_queue_depth = x", "hash_queue_depth = 0",
              "trigger_timeout = 5x", "queue_run_delay = ", "soft_bounce = maybe", "soft_bounce =", "myhostname = bad..name",
              "myhostname = a.-b", "mydomain = x..y", "inet_protocols = foo", "mynetworks_style = foo\nmynetworks = 1.2.3.4",
              "compatibility_level = 3.x", "queue_directory =", "a", "= b", "smtpd_timeout = x", "smtpd_hard_error_limit = x",
              "qmgr_clog_warn_time = x", "virtual_minimum_uid = x", "mail_owner =", "smtpd_restriction_classes = foo",
              "line_length_limit = 0", "delay_logging_resolution_limit = 7", "opts_timeout = x", "import_environment = ${")

# sendmail -bs starts smtpd.
COMMANDS = (("postqueue", "-p"), ("postmap", "-q", "x", "static:y"), ("sendmail", "-bs"), ("postsuper", "-s"),
            ("postcat", "-q", "NOSUCH"))


def copy_of_configuration(mta, name, more):
    folder = mta.root / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(mta.conf, folder)
    with open(folder / "main.cf", "a") as main:
        main.write(more + "\n")
    os.utime(folder / "main.cf", (1e9, 1e9))
    return folder


@scenario(log=False)
def values_that_nobody_can_use(mta):
    def one(case):
        number, text = case
        folder = copy_of_configuration(mta, f"broken{number}", text)
        return [(words, mta.run(*words, record=False, env={"MAIL_CONFIG": str(folder)})) for words in COMMANDS]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:  # Postfix waits a second before it dies
        for text, results in zip(BAD_VALUES, pool.map(one, enumerate(BAD_VALUES))):
            for words, result in results:
                mta.note(f"{text!r}: {' '.join(words)}", result)


values_that_nobody_can_use.seconds = 120


@scenario(log=False)
def what_postfix_check_refuses(mta):
    """What no program could start with: scripts that replace a running system ask before."""
    def one(case):
        number, text = case
        folder = copy_of_configuration(mta, f"checked{number}", text)
        return mta.run("postfix", "check", record=False, env={"MAIL_CONFIG": str(folder)}).status

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for text, status in zip(BAD_VALUES, pool.map(one, enumerate(BAD_VALUES))):
            mta.note(f"{text!r}: postfix check", status)


what_postfix_check_refuses.seconds = 120


@scenario(log=False)
def directories_that_users_may_not_choose(mta):
    """Set-gid programs read no configuration of the user's own."""
    foreign = copy_of_configuration(mta, "foreign", "")
    os.chmod(foreign, 0o755)
    for words in (("postqueue", "-c", foreign, "-p"), ("postqueue", "-c", mta.conf, "-p"), ("postqueue", "-c", "nosuch", "-p"),
                  ("postdrop", "-c", foreign), ("postqueue", "-c", mta.root, "-p")):
        mta.note(" ".join(map(str, words)).replace(str(mta.root), "ROOT"), mta.run(*words, user="alice", record=False))
    for words in (("postqueue", "-p"), ("postdrop", "-r"), ("sendmail", "-bp")):
        mta.note(f"{words[0]} in {foreign.name}", mta.run(*words, user="alice", record=False, env={"MAIL_CONFIG": str(foreign)}))
