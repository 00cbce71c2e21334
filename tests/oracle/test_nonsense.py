"""Tables whose results make no sense: what is remarked, what waits, what goes on all the same."""
import time

from support.compare import scenario

# The name of an entry is vN for the N-th of these.
ODD = [",,,", ", ,", '"', "<>", "()", "(x)", ",u1@virt.test,", "u1@virt.test,,", '"unterminated', "a b c", "@", "x@",
       "@virt.test", ";", ":", ":;", "g: u1@virt.test;"]

# A result that is one address, and what becomes of it: canonical and aliases come after.
COPIES = [value for value in ODD if value != "@"] + ["box", "Moved@virt.test", "ali@alias.test", "u1@virt.test u2@virt.test"]
COPY_MAIN = """virtual_alias_domains = alias.test
recipient_canonical_maps = inline:{moved@virt.test=u2@virt.test}
virtual_alias_maps = inline:{ali@alias.test=u1@virt.test}
"""


def entries(pattern, values):
    return "".join(pattern.format(n) + " " + value + "\n" for n, value in enumerate(values))


def send_each(mta, sender, recipient, number):
    for n in range(number):
        with mta.smtp(client=100) as s:
            s.mail(sender.format(n), recipient.format(n), f"Subject: {n}\n\nx\n")
            s.command("QUIT")
    mta.settle()


def what_waits(mta):
    for folder in ("maildrop", "incoming", "active", "deferred", "hold"):
        mta.note(folder, len(mta.queue_files(folder)))


@scenario(main="virtual_alias_domains = alias.test\nvirtual_alias_maps = regexp:@CONF@/odd\n", ignore="nested",
          files={"odd": entries("/^v{}@alias/", ODD)})
def virtual_aliases(mta):
    send_each(mta, "carol@remote.test", "v{}@alias.test", len(ODD))
    what_waits(mta)


@scenario(main="recipient_canonical_maps = regexp:@CONF@/odd\nsender_canonical_maps = regexp:@CONF@/odd\n", ignore="nested",
          files={"odd": entries("/^v{}@/", ODD)})
def canonical_addresses(mta):
    send_each(mta, "v{}@remote.test", "v{}@example.test", len(ODD))
    what_waits(mta)


# Postfix begins a notification that nobody wants, and drops it.
@scenario(main=COPY_MAIN + "sender_bcc_maps = regexp:@CONF@/odd\n", ignore="cleanup QID: message-id=",
          files={"odd": entries("/^v{}@/", COPIES)})
def blind_copies(mta):
    send_each(mta, "v{}@remote.test", "u1@virt.test", len(COPIES))
    what_waits(mta)


@scenario(main=COPY_MAIN + "recipient_bcc_maps = regexp:@CONF@/odd\nlocal_recipient_maps =\n", ignore="cleanup QID: message-id=",
          files={"odd": entries("/^v{}@/", COPIES)})
def blind_copies_of_recipients(mta):
    send_each(mta, "carol@remote.test", "v{}@example.test", len(COPIES))
    what_waits(mta)


@scenario(main="virtual_alias_domains = alias.test\nvirtual_alias_maps = regexp:@CONF@/odd\nsender_canonical_maps = $virtual_alias_maps\n",
          files={"odd": "/^odd@/ (none)\n"}, ignore="message-id=|pickup.* uid=")
def submitted_mail(mta):
    """Mail of the sendmail command has been taken already: it waits in the maildrop queue."""
    mta.sendmail("-f", "carol@remote.test", "odd@alias.test", input="Subject: recipient\n\nx\n")
    mta.sendmail("-f", "odd@remote.test", "u1@virt.test", input="Subject: sender\n\nx\n")
    mta.wait_log("map lookup problem", 2)
    time.sleep(0.3)
    what_waits(mta)
    mta.forget_mail()
