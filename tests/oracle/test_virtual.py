"""virtual(8): what it makes of odd mailboxes and tables, with the texts of its log."""
import os

from support import check
from support.compare import scenario
from support.room import ACCOUNTS

TEXT = "Subject: hello\n\n" + ("x" * 60 + "\n") * 10
MAPS = """
virtual_mailbox_maps = inline:{u1@virt.test=u1/ box@virt.test=box dir@virt.test=dir full@virt.test=full
    closed@virt.test=closed/ noboxes@virt.test=noboxes/box foreign@virt.test=foreign link@virt.test=link
    hard@virt.test=hard locked@virt.test=locked root@virt.test=root/ baduid@virt.test=x/ badgid@virt.test=y/
    program@virt.test=program deep@virt.test=a/b/c/}
virtual_uid_maps = inline:{root@virt.test=0 baduid@virt.test=12x @virt.test=60905}
virtual_gid_maps = inline:{badgid@virt.test=0 @virt.test=60905}
virtual_mailbox_limit = 5000
message_size_limit = 4900
bounce_size_limit = 1
notify_classes =
deliver_lock_attempts = 1
local_recipient_maps =
"""


def own(path, mode=0o600):
    os.chown(path, ACCOUNTS["vmail"], ACCOUNTS["vmail"], follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(mode)


def furnish(mta):
    v = mta.vmail
    (v / "dir").mkdir()
    (v / "full").write_text("x" * 4800 + "\n")
    (v / "closed").mkdir(mode=0o500)
    (v / "noboxes").mkdir(mode=0o555)
    for name in ("foreign", "target", "hard", "locked", "locked.lock", "program"):
        (v / name).write_text("")
    (v / "link").symlink_to(v / "target")
    os.link(v / "hard", v / "hard2")
    for name in ("full", "target", "link", "hard", "locked", "program"):
        own(v / name, 0o700 if name == "program" else 0o600)


def send(mta, *names):
    for name in names:
        mta.mail("carol@remote.test", f"{name}@virt.test", TEXT)
        mta.settle()


def note_box(mta, name, called=None):
    status = (mta.vmail / name).stat()
    mta.note(called or name, (oct(status.st_mode), status.st_uid, status.st_gid))


@scenario(main=MAPS)
def odd_mailboxes(mta):
    furnish(mta)
    send(mta, "dir", "full", "closed", "noboxes", "foreign", "link", "hard", "locked")
    mta.note("full", (mta.vmail / "full").stat().st_size)


@scenario(main=MAPS)
def one_message_to_all_of_them(mta):
    """Of the recipients of one request each has what he would have alone."""
    furnish(mta)
    names = ("u1", "dir", "full", "closed", "deep", "noboxes", "foreign", "box", "locked", "baduid", "u1", "root")
    mta.mail("carol@remote.test", [f"{name}@virt.test" for name in names], TEXT)
    mta.settle()
    mta.note("delivered", [len(mta.virtual(name)) for name in ("u1", "box", "a/b/c")])
    mta.note("left in tmp", [len(list((mta.vmail / name / "tmp").iterdir())) for name in ("u1", "a/b/c")])


@scenario(main=MAPS)
def bad_ids(mta):
    send(mta, "root", "baduid", "badgid")


@scenario(main=MAPS)
def files_belong_to_the_recipient(mta):
    furnish(mta)
    send(mta, "u1", "box", "program", "deep")
    for name in ("u1", "u1/new", "u1/tmp", "box", "program", "a", "a/b", "a/b/c"):
        note_box(mta, name)
    for path in (mta.vmail / "u1/new").iterdir():
        note_box(mta, path.relative_to(mta.vmail), "the message")
    check(len(mta.virtual("u1")) == 1, "one message")


@scenario(main=MAPS)
def probes_deliver_nothing(mta):
    mta.sendmail("-bv", "-f", "u1@virt.test", "u1@virt.test", input="")
    mta.settle()
    mta.note("reports", len(mta.virtual("u1")))


@scenario(main=MAPS)
def the_first_line_of_a_body_and_odd_bytes(mta):
    mta.mail("carol@remote.test", "u1@virt.test", b" leading blank\n\nFrom x\n\xff\xfe\n")
    mta.mail("", "box@virt.test", b"Subject: x\n\nFrom x\n>From x\n \nFrom\n")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("box", mta.virtual("box"))


@scenario(main=MAPS + "strict_mailbox_ownership = no\nvirtual_mailbox_lock = flock\nenable_original_recipient = no")
def without_ownership_check(mta):
    furnish(mta)
    (mta.vmail / "foreign").chmod(0o666)
    send(mta, "foreign", "box")
    mta.note("foreign", (mta.vmail / "foreign").stat().st_size > 0)
    mta.note_mail("box", mta.virtual("box"))


PATTERNS = r"""/^plain@virt\.test$/ fixed
/^(.*)@virt\.test$/ $1/
"""


@scenario(files={"patterns": PATTERNS}, main="""
virtual_mailbox_domains = virt.test
virtual_mailbox_maps = regexp:@CONF@/patterns
virtual_uid_maps = static:60905
virtual_gid_maps = static:60905
local_recipient_maps =
notify_classes =
""")
def no_part_of_an_address_becomes_a_path(mta):
    send(mta, "plain", "other")
    mta.note("boxes", sorted(path.name for path in mta.vmail.iterdir()))


# proxymap is passed by where the answer decides over rights.
@scenario(files={"boxes": "u1@virt.test one/\n"}, aliases='direct: u1@virt.test\n', main="""
virtual_mailbox_domains = virt.test
virtual_mailbox_maps = proxy:texthash:@CONF@/boxes
virtual_uid_maps = proxy:static:60905
virtual_gid_maps = proxy:static:60905
alias_maps = proxy:texthash:@CONF@/boxes, proxy:hash:@CONF@/aliases
local_recipient_maps =
""")
def tables_behind_a_proxy_are_opened_directly(mta):
    send(mta, "u1")
    mta.mail("carol@remote.test", "direct@example.test", TEXT)
    mta.settle()
    mta.note("arrived", len(mta.virtual("one")))
