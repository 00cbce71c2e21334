"""Which envelope senders a local user may give (local_login_sender_maps): postdrop's word, for sendmail and for itself."""
from support.compare import scenario
from support.room import room

TABLE = ("{ root = * } { postfix = * } { alice = alice@example.test, @other.test other2@elsewhere.test <> } "
         "{ bob = @mx.example.test } { carol = }")


def note_and_clear(mta):
    """Postfix's postdrop leaves the file of a message that it refuses."""
    for path in mta.queue_files("maildrop"):
        path.unlink(missing_ok=True)
    mta.settle()
    tell = [line.text for line in mta.log() if "postdrop" in line.tag]
    mta.note("postdrop's log", "\n".join(tell))


@scenario(log=False, main=f"local_login_sender_maps = inline:{{ {TABLE} }}\nrecipient_delimiter = +\n")
def senders_of_users(mta):
    room().require_private("accounts")
    text = "Subject: x\n\nx\n"
    for sender in ("alice@example.test", "ALICE@Example.TEST", "alice+ext@example.test", "alice", "any@other.test", "any@sub.other.test",
                   "other2@elsewhere.test", "other3@elsewhere.test", "<>", "bob@example.test"):
        mta.sendmail("-f", sender, "bob@example.test", input=text, user="alice")
    mta.sendmail("bob@example.test", input=text, user="alice")
    for sender in ("bob", "bob@mx.example.test", "x@example.test", "<>"):
        mta.sendmail("-f", sender, "alice@example.test", input=text, user="bob")
    mta.sendmail("alice@example.test", input=text, user="bob")
    mta.sendmail("-f", "any@where.test", "bob@example.test", input=text)
    note_and_clear(mta)


@scenario(log=False, main="local_login_sender_maps = inline:{ { bob = NULL } } fail:down\nempty_address_local_login_sender_maps_lookup_key = NULL\n")
def null_sender_and_a_table_that_fails(mta):
    room().require_private("accounts")
    for user, sender in (("bob", "<>"), ("bob", "bob@example.test"), ("alice", "alice@example.test")):
        mta.sendmail("-f", sender, "bob@example.test", input="Subject: x\n\nx\n", user=user)
    note_and_clear(mta)
