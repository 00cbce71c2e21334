"""Filters that are absent, slow, or die: each client of this machine has one with another default action (smtpd_milter_maps)."""
from support.compare import scenario
from support.milter import CLOSE, HANG, MilterServer, add_header, proceed, progress

FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
ACTIONS = {100: "accept", 101: "reject", 102: "tempfail", 103: "quarantine", 104: "nonsense"}
MILTERS = "".join(f"@NET@.{client} {{ inet:@NET@.33:8891, default_action={action}, command_timeout=1s, content_timeout=1s, connect_timeout=1s }}\n"
                  for client, action in ACTIONS.items())
TABLE = {"milters": MILTERS + "@NET@.105 DISABLE\n@NET@.106 unix:no/such, inet:@NET@.33:8892\n@NET@.107 { unix:filter, protocol=2 }\n"
                              "@NET@.108 inet:@NET@.33:8891, { inet:@NET@.33:8892, default_action=accept }\n"
                              "@NET@.109 nothing, inet:, foo:bar\n@NET@.110 { inet:@NET@.33:8891, protocol=5 }\n"
                              "@NET@.111 inet:no.such.test:1\n@NET@.112 local:no/such\n"}
MAIN = """\
smtpd_milter_maps = texthash:@CONF@/milters
smtpd_milters = inet:@NET@.33:8892
milter_default_action = tempfail
milter_macro_v = one
milter_connect_timeout = 1s
"""


def talk(mta, client, title, filter=None):
    with mta.smtp(client=client) as s:
        s.talk("EHLO client.test", FROM, TO)
        s.data("Subject: hello\n\nbody\n")
        s.talk("QUIT")
    if filter:
        mta.note(f"{title} for {client}", filter.text())


def serve(mta, script=None):
    return MilterServer((mta.room.address(33), 8891), script, with_macros=False)


@scenario(main=MAIN, files=TABLE)
def absent(mta):
    for client in (*ACTIONS, 105, 106, 107, 108, 109, 110, 111, 112, 128):
        talk(mta, client, "absent")
    mta.note("held", len(mta.queue_files("hold")))


@scenario(main=MAIN, files=TABLE)
def dead(mta):
    for event in ("connect", "mail", "data", "header", "eom"):
        for client in ACTIONS:
            with serve(mta, {event: [CLOSE]}) as f:
                talk(mta, client, f"dies at {event}", f)
    with serve(mta, {"eom": [[add_header("X-A", "lost"), CLOSE]]}) as f:
        talk(mta, 100, "dies between changes", f)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MAIN, files=TABLE)
def slow(mta):
    for event, client in (("options", 100), ("rcpt", 102), ("body", 100), ("eom", 102)):
        with serve(mta, {event: [HANG]}):
            talk(mta, client, f"hangs at {event}")
    with serve(mta, {"eom": [progress(), progress(), proceed()]}) as f:
        talk(mta, 102, "progress", f)


@scenario(main=MAIN, files=TABLE)
def well_again(mta):
    """The session that met the trouble goes on without the filter; the next one has it again."""
    with mta.smtp(client=102) as s:
        with serve(mta, {"mail": [CLOSE]}):
            s_talk = ("EHLO client.test", FROM)
        s.talk(*s_talk)
        with serve(mta) as f:
            s.talk("RSET", FROM, "QUIT")
            mta.note("nobody asks it", f.text())
    with serve(mta) as f:
        talk(mta, 102, "again", f)
    with MilterServer(mta.queue / "filter", {}, with_macros=False) as f:
        talk(mta, 107, "through a socket in the queue directory", f)
    with serve(mta) as one, MilterServer((mta.room.address(33), 8892), {"eom": [CLOSE]}, with_macros=False) as two:
        talk(mta, 108, "the second dies", one)
        mta.note("the second", two.text())
    mta.settle()


@scenario(main=MAIN.replace("texthash:@CONF@/milters", "fail:table"))
def a_table_of_filters_that_cannot_answer(mta):
    with mta.smtp(client=100) as s:
        s.talk("EHLO client.test", FROM)
