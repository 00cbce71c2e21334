"""local(8): every kind of alias, ~/.forward and mailbox, with the rights and the words of the real one."""
import contextlib
import os

from support import check
from support.compare import scenario
from support.room import ACCOUNTS

BODY = "Subject: {}\n\nbody\nFrom here\n"
NOBODY = 65534
# Nothing is returned to a mailbox here, so that the logs hold local's doings alone.
BASE = "local_recipient_maps =\nvirtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/}\ncommand_time_limit = 2s\n"


def send(mta, *names, sender="u2@virt.test", domain="example.test"):
    for name in names:
        mta.mail(sender, f"{name}@{domain}", BODY.format(name))
    mta.settle()


def note_users(mta):
    for user in ("alice", "bob"):
        mta.note_mail(user, mta.local_mail(user))


def note_file(mta, path, name):
    """A file's content, mode and owner."""
    if not path.exists():
        mta.note(name, "missing")
        return
    from support.compare import Normaliser
    status = path.stat()
    text = path.read_text("latin-1") if path.is_file() else ""
    mta.note(name, f"{status.st_mode:o} {status.st_uid} {status.st_gid}\n" + Normaliser(mta)(text))


def make(mta, path, text="", mode=0o644, owner=0):
    path = mta.root / path
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o777)
    path.write_text(text.replace("@ROOT@", str(mta.root)))
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


COMMANDS = """
ok: "|cat > @ROOT@/out/ok; echo hello"
environment: "|env | grep -v ^PWD= | sort > @ROOT@/out/environment; id >> @ROOT@/out/environment; umask >> @ROOT@/out/environment"
status75: "|exit 75"
status67: "|echo sorry; exit 67"
status70: "|exit 70"
status1: "|exit 1"
code4: "|echo 4.7.1 later; exit 1"
code5: "|echo 5.7.9 never; exit 1"
killed: "|kill -9 $$"
slow: "|echo waiting; sleep 20"
unread: "|true"
plain: "|cat -n"
unquoted: |/bin/cat
odd: "|printf 'a\\\\tb\\\\001c\\\\nd'; exit 69"
twice: "|cat >> @ROOT@/out/twice", "|cat >> @ROOT@/out/twice"
"""


@scenario(main=BASE, aliases=COMMANDS)
def commands(mta):
    make(mta, "out/x")
    send(mta, "environment+ext")
    send(mta, "ok", "environment", "status75", "status67", "status70", "status1", "code4",
         "code5", "killed", "unread", "plain", "unquoted", "odd", "twice")
    for name in ("ok", "environment", "twice"):
        note_file(mta, mta.root / "out" / name, name)
    send(mta, "environment", sender="o'd&d$x`z@virt.test")
    note_file(mta, mta.root / "out/environment", "environment with bytes that shells would act on")
    mta.note("bounces", len(mta.virtual("u2")))
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=BASE, aliases=COMMANDS)
def command_over_its_time(mta):
    send(mta, "slow")


# Commands that do not what commands should; the message is larger than a pipe holds, or small.
TROUBLE = """
ignores: "|sleep 20"
part: "|read line; exit 0"
closes: "|exec <&-; exit 0"
closesall: "|exec <&- >&- 2>&-; sleep 0.3; exit 0"
outlives: "|exec <&- >&- 2>&-; sleep 20"
forks: "|sleep 20 & exit 0"
forksquiet: "|sleep 20 >/dev/null 2>&1 </dev/null & exit 0"
deaf: "|trap '' 15 1 2; echo waiting; cat > /dev/null; sleep 20"
stops: "|kill -STOP $$"
fills: "|cat > /dev/null; yes | head -c 100000; exit 0"
"""


@scenario(main=BASE + "notify_classes =\n", aliases=TROUBLE)
def commands_in_trouble(mta):
    for name in [line.split(":")[0] for line in TROUBLE.strip().split("\n")]:
        for size in (1, 4000):
            mta.mail("", f"{name}@example.test", "Subject: x\n\n" + ("x" * 76 + "\n") * size)
    mta.settle(seconds=60)


@scenario(main=BASE + "require_home_directory = yes\nmailbox_command_maps = inline:{news=/bin/cat}\n")
def users_without_a_home(mta):
    send(mta, "nobody", "alice", "news")
    note_users(mta)


@scenario(main=BASE + "prepend_delivered_header = file, forward\nlocal_command_shell = /bin/sh -c\n"
          "command_execution_directory = @ROOT@/out\nexport_environment = FIRST=1 TZ", aliases=COMMANDS +
          'where: "|pwd > @ROOT@/out/where"')
def command_parameters(mta):
    make(mta, "out/x")
    send(mta, "ok", "environment", "where", "alice")
    note_users(mta)
    for name in ("ok", "environment", "where"):
        note_file(mta, mta.root / "out" / name, name)


@scenario(main=BASE, aliases="""
file: @ROOT@/out/file
directory: @ROOT@/out/maildir/
nowhere: /nonexistent/directory/file
program: @ROOT@/out/program
home: ~/x
otherhome: ~bob/x
null: /dev/null
foreign: @ROOT@/out/foreign
quoted: "@ROOT@/out/with space"
""")
def files(mta):
    make(mta, "out/program", mode=0o755, owner=NOBODY)
    make(mta, "out/foreign", mode=0o600)
    send(mta, "file", "file", "directory", "nowhere", "program", "home", "otherhome", "null", "foreign", "quoted")
    for name in ("file", "with space", "foreign", "program"):
        note_file(mta, mta.root / "out" / name, name)
    found = list((mta.root / "out/maildir/new").iterdir())
    check(len(found) == 1, "one message in the Maildir")
    note_file(mta, found[0], "the message in the Maildir")


@scenario(main=BASE, aliases='lost: "|@ROOT@/out/lost"\nbare: "|@ROOT@/out/bare one two"\ndirectory: "|@ROOT@/out"\n')
def commands_without_a_fit_file(mta):
    make(mta, "out/lost", "#!/nowhere/interpreter\n", mode=0o755)
    make(mta, "out/bare", "cat >@ROOT@/out/bare.$1.$2\n", mode=0o755)
    send(mta, "lost", "bare", "directory")
    note_file(mta, mta.root / "out/bare.one.two", "what the script without an interpreter wrote")


@scenario(main=BASE + "command_execution_directory = /nowhere\n", aliases='one: "|cat"\ntwo: "|cat; true"\n')
def no_directory_for_commands(mta):
    send(mta, "one", "two")


@scenario(main=BASE + "allow_mail_to_files =\nallow_mail_to_commands =\nprepend_delivered_header =\n",
          aliases='file: @ROOT@/out/file\ncommand: "|cat"\nelsewhere: u1@virt.test\n')
def nothing_is_allowed(mta):
    send(mta, "file", "command", "elsewhere", "alice", "bob")
    mta.note_mail("u1", mta.virtual("u1"))
    note_users(mta)


LISTS = """
list: alice, bob, nosuch
owned: alice, bob, nosuch
owner-owned: postmaster, u1@virt.test
loopa: loopb
loopb: loopa
empty: ,
self: self
nobody-else: alice, nobody-else
back: \\alice
bad: foo@@bar, "a b", <>
remote: u1@virt.test, u2@virt.test
mixed: alice, u1@virt.test, nosuch2
chain1: chain2
chain2: chain3
chain3: alice
Upper: alice
quoted: "alice"
group: friends:alice,bob;
gaps: alice,,bob
named: Alice Example <alice@example.test>, (comment) bob
double: alice, alice@mx.example.test, ALICE
"""


@scenario(main=BASE, aliases=LISTS)
def lists(mta):
    send(mta, "list", "owned", "loopa", sender="alice@example.test")
    send(mta, "empty", "self", "back", "bad", "remote", "mixed", "chain1", "upper", "UPPER", "quoted", "group", "gaps",
         "named", "double", "nobody-else")
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE + "expand_owner_alias = yes\nreset_owner_alias = yes\nfrozen_delivered_to = no\n",
          aliases=LISTS + "inner: mixed\nowner-outer: bob\nouter: inner, alice\nlist-request: bob\n")
def owners_expanded(mta):
    send(mta, "owned", "outer", "list-request")
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE + "propagate_unmatched_extensions = canonical, virtual, alias, forward, include\n"
          "recipient_delimiter = +-\n", aliases=LISTS + "special+ext: bob\nspecial: alice\n")
def extensions(mta):
    send(mta, "list+x", "chain1-y", "remote+z", "special+ext", "special+other", "special-ext", "alice+a/b", "alice+")
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


INCLUDES = """
inc: :include:@ROOT@/out/inc
user-inc: :include:@ROOT@/out/user-inc
writable: :include:@ROOT@/out/writable
missing: :include:@ROOT@/out/missing
relative: :include:foo
folder: :include:@ROOT@/out
quoted-inc: ":include:@ROOT@/out/inc2", bob
nested: :include:@ROOT@/out/nested
owned-inc: :include:@ROOT@/out/inc
owner-owned-inc: bob
partly: :include:/nonexistent, alice
"""


@scenario(main=BASE + "allow_mail_to_commands = alias, forward, include\n", aliases=INCLUDES)
def included_lists(mta):
    make(mta, "out/inc", "alice\n# comment\n bob\nu1@virt.test\n\n\"|cat >@ROOT@/out/command-$LOCAL\"\n/etc/file\n")
    make(mta, "out/user-inc", '"|id > @ROOT@/out/id"\nalice', owner=ACCOUNTS["bob"])
    make(mta, "out/writable", "alice\n", mode=0o666)
    make(mta, "out/inc2", "alice\n")
    make(mta, "out/nested", ":include:@ROOT@/out/inc2\n")
    send(mta, "inc", "user-inc", "writable", "missing", "relative", "folder", "quoted-inc", "nested", "owned-inc",
         "partly", "inc+ext")
    for name in ("command-inc", "command-inc+ext", "command-owned-inc", "id"):
        note_file(mta, mta.root / "out" / name, name)
    note_users(mta)


@contextlib.contextmanager
def forward_file(mta, text, name=".forward", mode=0o644, owner="bob", user="bob"):
    path = mta.room.home(user) / name
    path.write_text(text.replace("@ROOT@", str(mta.root)))
    path.chmod(mode)
    os.chown(path, ACCOUNTS.get(owner, 0), ACCOUNTS.get(owner, 0))
    try:
        yield
    finally:
        path.unlink()


@scenario(main=BASE)
def forward_files(mta):
    make(mta, "out/x")
    for text in ("alice\n", "alice, u1@virt.test\n# c\n\\bob", "bob\n", "\n#\n", '"|id > @ROOT@/out/id"\n',
                 "~/in-the-home\n", "@ROOT@/out/file\n", "nosuch\n", "alice\n bob\n", ":include:/etc/hostname\n",
                 '"|exit 75"\nalice\n', "@ROOT@/out/dir/\n"):
        with forward_file(mta, text):
            send(mta, "bob", "bob+ext")
    for path in (mta.root / "out/id", mta.root / "out/file", mta.room.home("bob") / "in-the-home"):
        note_file(mta, path, path.name)
    (mta.room.home("bob") / "in-the-home").unlink(missing_ok=True)
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE)
def forward_files_that_are_not_used(mta):
    with forward_file(mta, "alice\n", mode=0o666):
        send(mta, "bob")
    with forward_file(mta, "alice\n", owner="alice"):
        send(mta, "bob")
    with forward_file(mta, "alice\n", owner="root"):
        send(mta, "bob")
    (mta.room.home("bob") / ".forward").mkdir()
    send(mta, "bob")
    (mta.room.home("bob") / ".forward").rmdir()
    note_users(mta)


@scenario(main=BASE)
def forward_file_for_an_extension(mta):
    with forward_file(mta, "alice\n", ".forward+list"), forward_file(mta, "u1@virt.test\n"):
        send(mta, "bob+list", "bob+other", "bob", "bob+LIST")
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE + "forward_path = $home/.forward-$user-${domain}, $home/none, $home/.forward\n")
def forward_path(mta):
    with forward_file(mta, "alice\n", ".forward-bob-example.test"), forward_file(mta, "u1@virt.test\n"):
        send(mta, "bob")
        send(mta, "bob", domain="mx.example.test")
    note_users(mta)


@scenario(main=BASE, aliases="bobs: bob\nwith-owner: bob\nowner-with-owner: alice\n")
def users_forwarding_to_each_other(mta):
    with forward_file(mta, "alice\n"), forward_file(mta, "bob\n", user="alice", owner="alice"):
        send(mta, "bob", "alice", "bobs", "with-owner")
    note_users(mta)


@scenario(main=BASE + "mailbox_command = /bin/sh -c 'cat > @ROOT@/out/$USER; echo $HOME $SHELL $EXTENSION >> @ROOT@/out/$USER'\n"
          "mailbox_command_maps = inline:{alice=/bin/false}\n")
def mailbox_commands(mta):
    make(mta, "out/x")
    send(mta, "bob+ext", "alice", "nosuch")
    note_file(mta, mta.root / "out/bob", "bob")


@scenario(main=BASE + "mailbox_transport_maps = inline:{bob=virtual: alice=error:5.7.3_closed}\n"
          "fallback_transport = virtual\nfallback_transport_maps = inline:{gone=error:5.1.6_moved}\n",
          aliases="both: alice, bob\n")
def other_transports(mta):
    send(mta, "bob", "alice", "gone", "nosuch", "both")


@scenario(main=BASE + "mailbox_transport = discard:\n")
def mailbox_transport(mta):
    send(mta, "bob", "nosuch")


@scenario(main=BASE + "luser_relay = alice+$user+$extension\n")
def luser_relay_with_names(mta):
    send(mta, "nosuch", "nosuch+ext")
    note_users(mta)


@scenario(main=BASE + "mail_spool_directory = @ROOT@/mail\nmailbox_delivery_lock = fcntl\n")
def spool_files(mta):
    for name in ("bob", "bob", "Bob", "bob+ext"):
        send(mta, name)
    note_file(mta, mta.spool / "bob", "bob")
    mta.spool.chmod(0o2755)
    os.chown(mta.spool, 0, 8)
    send(mta, "alice")
    note_file(mta, mta.spool / "alice", "alice")
    os.chown(mta.spool, 0, 0)
    mta.spool.chmod(0o1777)


@scenario(main=BASE + "home_mailbox = mail/inbox\n")
def home_mailbox_in_a_folder(mta):
    folder = mta.room.home("bob") / "mail"
    folder.mkdir()
    os.chown(folder, ACCOUNTS["bob"], ACCOUNTS["bob"])
    send(mta, "bob")
    note_file(mta, folder / "inbox", "inbox")
    (folder / "inbox").unlink(missing_ok=True)
    folder.rmdir()


@scenario(main=BASE, aliases=LISTS + 'cmd: "|cat"\n')
def probes(mta):
    mta.sendmail("-bv", "-f", "u1@virt.test", "list", "cmd", "remote", "owned", "nosuch", "bob", input="")
    mta.settle()


@scenario(main=BASE, aliases=LISTS)
def notifications_of_success(mta):
    for to in ("list", "owned", "remote", "alice"):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.example.test", "MAIL FROM:<u1@virt.test> ENVID=e1 RET=HDRS",
                   f"RCPT TO:<{to}@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig@x.test")
            s.data(BODY.format(to))
            s.command("QUIT")
        mta.settle()
    with forward_file(mta, "alice, u2@virt.test\n"):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.example.test", "MAIL FROM:<u1@virt.test>", "RCPT TO:<bob@example.test> NOTIFY=SUCCESS")
            s.data(BODY.format("bob"))
            s.command("QUIT")
        mta.settle()
    mta.note("reports", len(mta.virtual("u1")))
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE + "alias_maps = hash:@CONF@/aliases, inline:{inl=bob}, fail:broken\n", aliases="fine: alice\n")
def broken_alias_table(mta):
    send(mta, "fine", "inl", "nosuch")


@scenario(main=BASE + "duplicate_filter_limit = 1\n", aliases="twice: alice, alice\n")
def duplicates_beyond_the_limit(mta):
    send(mta, "twice")


@scenario(main=BASE, aliases="list: alice\nowner-list: bob\n")
def loops(mta):
    for to in ("alice", "list"):
        mta.mail("u1@virt.test", f"{to}@example.test", f"Delivered-To: {to.upper()}@example.test\n" + BODY.format("x"))
        mta.settle()
    note_users(mta)
    mta.note_mail("u1", mta.virtual("u1"))


ODD = ("|\"exit 70\"", "| \"echo out; exit 70\"", "alice, :include:@CONF@/odd", ":include:@CONF@/odd, \"\", x <alice>", "a b <alice>, bob@example.test",
       "\"alice, bob\"", "alice (c),,bob,", "\" |true\", \\alice", "a\\|b", "\"|exit 0\" x", "/dev/null bob")


@scenario(main=BASE + "alias_maps = inline:{" + ", ".join(f"{{odd{i} = {text}}}" for i, text in enumerate(ODD)) + "}\n"
          "allow_mail_to_commands = alias, include\n",
          files={"odd": "alice bob\n# remark\n\n<u2@virt.test>\n \"|true\"\n\\bob\nx alice\n"})
def odd_lists(mta):
    for i in range(len(ODD)):
        send(mta, f"odd{i}")
    note_users(mta)
    mta.note_mail("u2", mta.virtual("u2"))
