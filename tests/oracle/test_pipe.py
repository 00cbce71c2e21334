"""pipe(8): every flag, macro and attribute, what a command is told, and what becomes of a message by its end."""
import re

from support import ROOT, equal, oracle
from support.compare import Normaliser, scenario
from support.room import room

SHOW = """#!/bin/sh
out=@ROOT@/out/$1
{ for word; do echo "<$word>"; done; cat -A; } >> $out
"""
SEES = """#!/bin/sh
{ id; pwd; umask; ls -l /proc/self/fd | wc -l; env | sort | grep -v -e _= -e SHLVL; } > @ROOT@/out/$1
"""
FILES = {"show.sh": SHOW, "sees.sh": SEES}
BASE = "local_recipient_maps =\nvirtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/}\nnotify_classes =\n"
TEXT = "Subject: x\r\nDelivered-To: Old@Place.test\r\n\r\nFrom here\r\n..dot\r\n.\r\n\tb\xe4r\r\nlast\r\n"


def services(entries, unprivileged="n"):
    return "".join(f"{name} unix - {unprivileged} n - - pipe {how}\n" for name, how in entries.items())


def routes(names, nexthop="", more=""):
    pairs = " ".join(f"{name}.pipe.test={name}:{nexthop}" for name in names)
    return f"transport_maps = inline:{{{pairs} {more}}}\n"


def prepare(mta):
    room().require_private("accounts")
    folder = mta.root / "out"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    for path in folder.iterdir():
        path.unlink()
    return folder


def note_out(mta):
    clean = Normaliser(mta)
    for path in sorted((mta.root / "out").iterdir()):
        mta.note(path.name, re.sub(r"<\[[1-9]\d{4}\]>", "<[PORT]>", clean(path.read_text("latin-1"))))


FLAGS = {"plain": "", "b": "flags=B", "d": "flags=D", "f": "flags=F", "o": "flags=O", "r": "flags=R", "x": "flags=X", "dot": "flags=.", "gt": "flags=>",
         "all": "flags=BDFORXhqu.>", "crlf": "flags=R. eol=\\r\\n", "bell": "eol=\\a\\b\\f\\t\\v\\101\\0411\\\\",
         "hqu": "flags=hqu", "h": "flags=h", "u": "flags=u", "q": "flags=q"}
WORDS = "$recipient ${original_recipient} $user ${extension} $mailbox $domain $(nexthop) $sender"


@scenario(main=BASE + routes(FLAGS, "NextHop.TEST") + "".join(f"{name}_destination_recipient_limit = 1\n" for name in FLAGS),
          master=services({name: f"{how} user=alice argv=@CONF@/show.sh {name} {WORDS}" for name, how in FLAGS.items()}), files=FILES)
def flags(mta):
    prepare(mta)
    (mta.conf / "show.sh").chmod(0o755)
    for name in FLAGS:
        mta.mail("Some.One+x@Send.test", f'"A b+Ext"@{name.upper()}.pipe.test', TEXT)
    mta.settle()
    for name in FLAGS:
        mta.mail("", f"postmaster@{name}.pipe.test", "From one\n\n.x\n\n")
    mta.settle()
    note_out(mta)


MACROS = {
    "many": "flags=q user=alice argv=@CONF@/show.sh many -r$recipient ${user}:$extension {a $mailbox b} $sender $nexthop $(domain) fixed $original_recipient",
    "facts": "user=alice argv=@CONF@/show.sh facts $client_address $client_helo $client_hostname $client_protocol ${size} [$sasl_method] [$sasl_username] "
             "[${sasl_sender}] $$user $${user} {} {  inner  blanks } x$domain.$domain $user-$extension/$(mailbox)",
    "filter": "flags=FRq user=alice null_sender= argv=@CONF@/show.sh filter -f $sender -- $recipient",
    "noone": "flags=FRq user=alice null_sender={no one} argv=@CONF@/show.sh noone $sender",
    "noone2": "flags=FRq user=alice {null_sender=no one} argv=@CONF@/show.sh noone2 $sender",
    "sees": "user=alice argv=@CONF@/sees.sh sees",
    "group": "user=alice:bob directory=/tmp argv=@CONF@/sees.sh group",
    "inpath": "user=alice argv=sh @CONF@/show.sh inpath",
    "script": "user=alice argv=@CONF@/bare.sh script",
    "size": "user=alice size=300 argv=@CONF@/show.sh size",
    "rooted": "user=alice chroot=/ directory=/usr/bin argv=/bin/sh @CONF@/sees.sh rooted",
    "says": "flags=X user=alice argv=/bin/echo {2.5.0  said}",
}


@scenario(main=BASE + routes(MACROS, "Next") + "export_environment = TZ MAIL_CONFIG LANG EXTRA=value\nsmtpd_authorized_xclient_hosts = @NET@.100\n"
          "sees_destination_recipient_limit = 1\n",
          master=services(MACROS), files={**FILES, "bare.sh": "echo bare $0 $1 > @ROOT@/out/bare\n"})
def macros(mta):
    prepare(mta)
    for name in ("show.sh", "bare.sh", "sees.sh"):
        (mta.conf / name).chmod(0o755)
    mta.mail('"o o"@send.test', [f"{name}@many.pipe.test" for name in ('a+x+y', '"b c"', 'C-d', '"plus+ x"', '+e')], TEXT)
    for name in MACROS:
        if name != "many":
            mta.mail("s@send.test", f"Ann+1@{name}.pipe.test")
    mta.settle()
    for name in ("filter", "noone", "noone2", "group"):
        mta.mail("", f"b@{name}.pipe.test")
    mta.settle()
    mta.mail("s@send.test", "big@size.pipe.test", "Subject: x\n\n" + "x" * 300 + "\n")
    mta.settle()
    note_out(mta)


WRONG = {
    "no_user": "argv=/bin/echo", "no_argv": "user=alice", "nothing": "", "nosuch_user": "user=nosuch argv=/bin/echo", "nosuch_group": "user=alice:nosuch argv=/bin/echo",
    "root": "user=root argv=/bin/echo", "root_group": "user=alice:root argv=/bin/echo", "mail_owner": "user=postfix argv=/bin/echo", "mail_group": "user=alice:postfix argv=/bin/echo",
    "postdrop": "user=alice:postdrop argv=/bin/echo", "other_word": "user=alice other=x argv=/bin/echo", "bare_word": "user=alice argv", "empty_user": "user= argv=/bin/echo",
    "empty_argv": "user=alice argv=", "size_word": "user=alice size=12x argv=/bin/echo", "size_negative": "user=alice size=-1 argv=/bin/echo", "size_zero": "user=alice size=0 argv=/bin/echo",
    "size_large": "user=alice size=99999999999999999999 argv=/bin/echo", "late_word": "argv=/bin/echo user=alice",
}
ODD = {
    "twice": "user=bob user=alice flags=R flags=F argv=/bin/echo twice", "upper": "USER=alice argv=/bin/echo", "flags_all_odd": "flags=abc,xyz user=alice argv=/bin/echo",
    "macro1": "user=alice argv=/bin/echo $nosuch", "macro2": "user=alice argv=/bin/echo {${user?x}}", "macro3": "user=alice argv=/bin/echo ${user", "macro4": "user=alice argv=/bin/echo $",
    "macro5": "user=alice argv=/bin/echo ${}", "macro6": "user=alice argv=/bin/echo $-x", "macro7": "user=alice argv=/bin/echo ${user} $queue_idx", "macro8": "user=alice argv=$nexthop hello",
    "macro9": "user=alice argv=/bin/echo {a ${user:x}} ", "macro10": "user=alice argv=/bin/echo $(user} )", "empty_eol": "user=alice eol= argv=/bin/echo",
    "d_many": "flags=D user=alice argv=/bin/echo", "o_many": "flags=O user=alice argv=/bin/echo",
}


@scenario(main=BASE + routes(WRONG, "n"), master=services(WRONG), files=FILES)
def mistakes(mta):
    prepare(mta)
    for name in WRONG:
        mta.mail("u2@virt.test", f"x@{name}.pipe.test")
    mta.settle()


@scenario(main=BASE + routes(ODD, "/bin/echo"), master=services(ODD), files=FILES)
def oddities(mta):
    prepare(mta)
    for name in ODD:
        mta.mail("u2@virt.test", [f"x@{name}.pipe.test", f"y@{name}.pipe.test"])
    mta.settle()


ENDS = {f"s{n}": f"user=alice argv=/bin/sh -c {{exit {n}}}" for n in (1, 2, *range(64, 79), 79, 100, 126, 127, 255)}
ENDS |= {
    "said67": "user=alice argv=/bin/sh -c {echo sorry; exit 67}", "said75": "user=alice argv=/bin/sh -c {echo later >&2; exit 75}", "said9": "user=alice argv=/bin/sh -c {echo what; exit 9}",
    "code4": "user=alice argv=/bin/sh -c {echo 4.7.1 later; exit 67}", "code5": "user=alice argv=/bin/sh -c {echo 5.7.9 never; exit 75}", "code2": "user=alice argv=/bin/sh -c {echo 2.1.5 odd; exit 75}",
    "nocode": "user=alice argv=/bin/sh -c {echo 5.7 x; exit 75}", "onlycode": "user=alice argv=/bin/sh -c {echo 5.7.8; exit 75}", "code0": "user=alice argv=/bin/sh -c {echo 5.7.1 ignored}",
    "odd": "user=alice argv=/bin/sh -c {printf 'a\\tb\\001c\\nd\\n\\n'; exit 69}", "blank": "user=alice argv=/bin/sh -c {echo; echo}", "odd0": "user=alice argv=/bin/sh -c {printf 'a\\tb\\001c\\nd \\n\\n'}",
    "kill9": "user=alice argv=/bin/sh -c {kill -9 $$$$}", "term": "user=alice argv=/bin/sh -c {echo help; kill -15 $$$$}", "long": "user=alice argv=/bin/sh -c {printf '%05000d' 1; exit 69}",
    "utf8": "user=alice argv=/bin/sh -c {printf 'gr\\303\\274n'; exit 69}",
    "lost": "user=alice argv=/nowhere/program", "lost2": "user=alice argv=nosuchprogram", "notexec": "user=alice argv=@CONF@/show.sh", "folder": "user=alice argv=@CONF@",
    "nodir": "user=alice directory=/nowhere argv=/bin/echo", "closeddir": "user=alice directory=@ROOT@/closed argv=/bin/echo", "noroot": "user=alice chroot=/nowhere argv=/bin/echo",
    "emptyroot": "user=alice chroot=@ROOT@/out argv=/bin/echo", "torn": "user=alice argv=@CONF@/torn.sh",
}


# A line of 2000 bytes is cut, and how long its delays are is chance.
@scenario(ignore=r"to=<x@long\.", main=BASE + routes(ENDS, "n") + "export_environment = PATH=/nowhere:/bin X=1\n", master=services(ENDS), files={**FILES, "torn.sh": "#!/nowhere/shell\n"})
def ends(mta):
    prepare(mta)
    (mta.conf / "torn.sh").chmod(0o755)
    (mta.root / "closed").mkdir(mode=0o700, exist_ok=True)
    for name in ENDS:
        mta.mail("u2@virt.test", f"x@{name}.pipe.test")
    mta.settle()
    mta.note_mail("u2", mta.virtual("u2"))


TROUBLE = {
    "ignores": "user=alice argv=/bin/sleep 20", "part": "user=alice argv=/bin/sh -c {read line; exit 0}", "closes": "user=alice argv=/bin/sh -c {exec <&-; exit 0}",
    "closesall": "user=alice argv=/bin/sh -c {exec <&- >&- 2>&-; sleep 0.3; exit 0}", "outlives": "user=alice argv=/bin/sh -c {exec <&- >&- 2>&-; sleep 20}",
    "forks": "user=alice argv=/bin/sh -c {sleep 20 & exit 0}", "forksquiet": "user=alice argv=/bin/sh -c {sleep 20 >/dev/null 2>&1 </dev/null & exit 0}",
    "fills": "user=alice argv=/bin/sh -c {yes | head -c 100000; cat > /dev/null; exit 0}", "deaf": "user=alice argv=/bin/sh -c {trap '' 15 1 2; echo waiting; cat > /dev/null; sleep 20}",
    "stops": "user=alice argv=/bin/sh -c {kill -STOP $$$$}", "leader": "user=alice argv=/usr/bin/setsid --wait /bin/sleep 20", "slowreader": "user=alice argv=/bin/sh -c {sleep 0.5; cat > /dev/null}",
}


@scenario(main=BASE + routes(TROUBLE, "n") + "".join(f"{name}_time_limit = 2s\n" for name in TROUBLE), master=services(TROUBLE), files=FILES)
def helpers_in_trouble(mta):
    prepare(mta)
    big = "Subject: big\n\n" + ("x" * 76 + "\n") * 4000
    for name in TROUBLE:
        mta.mail("", f"small@{name}.pipe.test")
        mta.mail("", f"big@{name}.pipe.test", big)
    mta.settle()


def pipe_entries(path):
    """{service: (columns, words behind "pipe")} of a master.cf."""
    logical = re.sub(r"\n[ \t]+", " ", "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#")))
    fields = [line.split(None, 8) for line in logical.splitlines()]
    return {line[0]: (line[1:7], line[8]) for line in fields if len(line) == 9 and line[7] == "pipe"}


def test_master_cf_has_debians_entries():
    theirs = pipe_entries(oracle.tree() / "usr/share/postfix/master.cf.dist")
    equal(sorted(theirs), ["bsmtp", "ifmail", "maildrop", "mailman", "scalemail-backend", "uucp"], "services of Debian's")
    equal(pipe_entries(ROOT / "conf/master.cf"), theirs, "those of ours")


def stand_in(service, how):
    """The entry with an account and a program of this test."""
    return re.sub(r"argv=\S+", f"argv=/bin/sh @CONF@/show.sh {service}", re.sub(r"user=\S+", "user=alice", how))


DEBIANS = {service: stand_in(service, how) for service, (_, how) in pipe_entries(ROOT / "conf/master.cf").items()}


@scenario(main=BASE + routes(DEBIANS, "Far.Test") + "maildrop_destination_recipient_limit = 1\n", master=services(DEBIANS), files=FILES)
def debians_entries(mta):
    prepare(mta)
    for service in DEBIANS:
        to = [f"Ann+List@{service}.pipe.test"] + ([] if service == "maildrop" else [f'"b c"@{service}.pipe.test'])
        mta.mail('"o o"@Send.test', to, TEXT)
        mta.settle()
        mta.mail("", f"dan@{service}.pipe.test", TEXT)
        mta.settle()
    note_out(mta)


@scenario(main=BASE + routes(("who", "orig")) + "enable_original_recipient = no\nsmtpd_authorized_xclient_hosts = @NET@.0/24\nvirtual_alias_domains = alias.test\n"
          "virtual_alias_maps = inline:{old@alias.test=New+x@who.pipe.test}\nsmtputf8_enable = yes\n",
          master=services({"who": "flags=ODqhu user=alice argv=@CONF@/show.sh who [$client_address] [$client_port] [$client_helo] [$client_hostname] [$client_protocol] "
                           "[$sasl_method] [$sasl_username] [$sasl_sender] $original_recipient $recipient"}), files=FILES)
def clients_and_loops(mta):
    prepare(mta)
    (mta.conf / "show.sh").chmod(0o755)
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.test", "XCLIENT ADDR=192.0.2.7 NAME=far.test PORT=4321 HELO=helo.test PROTO=ESMTP LOGIN=joe", "EHLO again.test")
        s.talk("MAIL FROM:<s@send.test>", "RCPT TO:<old@alias.test>", "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT")
    mta.settle()
    mta.mail("", "Loop@who.pipe.test", "Delivered-To: lOOp@Who.pipe.test\n\nx\n")
    mta.mail("", "Loop@who.pipe.test", "X: y\n\nDelivered-To: loop@who.pipe.test\nx\n")
    mta.settle()
    mta.sendmail("-bv", "-f", "u2@virt.test", "z@who.pipe.test", input="")
    mta.settle()
    note_out(mta)
    mta.note_mail("u2", mta.virtual("u2"))
