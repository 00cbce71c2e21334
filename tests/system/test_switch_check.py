"""relais switch check: what of a Postfix configuration would be different, said beforehand."""
import os

from support import check, equal, need_program
from support.instance import Instance


def said(mta, **options):
    """(exit status, lines)"""
    for program in ("relais", "postconf"):
        need_program(program)
    done = mta.run("relais", "switch", "check", **options)
    return done.status, done.stdout.splitlines()


def with_settings(text, master=""):
    mta = Instance("ours")
    settings = [line for line in (mta.conf / "main.cf").read_text().splitlines() if not line.startswith(("alias_", "local_recipient_maps"))]
    settings += ["alias_maps =", "alias_database =", "local_recipient_maps ="]
    (mta.conf / "main.cf").write_text("\n".join(settings) + "\n" + text.replace("CONF", str(mta.conf)))
    with open(mta.conf / "master.cf", "a") as file:
        file.write(master)
    return mta


def finding(lines, *words):
    """The line that has all these words."""
    found = [line for line in lines if all(word in line for word in words)]
    equal(len(found), 1, f"lines with {words} in {lines}")
    return found[0]


def line_of(path, text):
    return path.read_text().split("\n").index(text) + 1


def test_nothing_to_say():
    mta = with_settings("transport_maps = inline:{ a.test=smtp:[127.0.0.1]:26 }\n"
                        "smtpd_recipient_restrictions = mine, reject_unauth_destination\nsmtpd_restriction_classes = mine\n"
                        "mine = check_sender_access inline:{ b.test=REJECT }, permit\n"
                        "address_verify_map = btree:CONF/missing\nsmtpd_tls_session_cache_database = btree:CONF/missing\n")
    (mta.conf / "main.cf").write_text((mta.conf / "main.cf").read_text().replace("", ""))
    equal(said(mta), (0, ["no difference found"]), "what it says")


def test_parameters_that_nothing_knows():
    mta = with_settings("virtual_mailbox_limit_maps = static:0\nmailbox_size_limit = lots\n")
    status, lines = said(mta)
    equal(status, 1, "status")
    finding(lines, "unused parameter: virtual_mailbox_limit_maps=static:0")
    finding(lines, "mailbox_size_limit", "lots", f"{mta.conf}/main.cf")


def test_tables():
    mta = with_settings("canonical_maps = nis:mail.aliases, hash:CONF/missing\nvirtual_alias_maps = regexp:CONF/patterns, mysql:CONF/users\n"
                        "smtpd_sender_restrictions = check_sender_access { cidr:CONF/none, default_action=DUNNO }\n",
                        "other inet n - n - - smtpd\n  -o transport_maps=proxy:texthash:CONF/elsewhere\n")
    main = mta.conf / "main.cf"
    master = mta.conf / "master.cf"
    master.write_text(master.read_text().replace("CONF", str(mta.conf)))
    (mta.conf / "patterns").write_text("/a/ b\n")
    status, lines = said(mta)
    equal(status, 1, "status")
    place = f"{main}:{line_of(main, f'canonical_maps = nis:mail.aliases, hash:{mta.conf}/missing')}: canonical_maps: "
    equal(finding(lines, "nis:"), place + "nis:mail.aliases: Relais has no tables of this type", "a type")
    check(finding(lines, "missing").startswith(place), "a file that is not there")
    finding(lines, "smtpd_sender_restrictions", "none")
    finding(lines, f"{master}:", "transport_maps", "elsewhere")
    finding(lines, f"mysql:{mta.conf}/users", "package postfix-mysql")
    check(not any("patterns" in line for line in lines), f"a table that is there: {lines}")


def test_programs():
    mta = with_settings("", "own unix - n n - - /usr/local/bin/own\nfilter unix - n n - - myfilter\nlinked unix - n n - - linked\n"
                        "lost unix - n n - - lost\npiped unix - n n - - pipe flags=R user=nobody argv=/bin/cat\n")
    folder = mta.root / "daemons"
    (folder / "myfilter").write_bytes(b"\x7fELF libc.so.6")
    (folder / "linked").write_bytes(b"\x7fELF libc.so.6\0libpostfix-global.so\0")
    status, lines = said(mta)
    equal(status, 1, "status")
    finding(lines, "own/unix", "/usr/local/bin/own", "No such file")
    finding(lines, "filter/unix", "it is run as it is")
    finding(lines, "linked/unix", "will not start")
    finding(lines, "lost/unix", "No such file")
    equal(len([line for line in lines if "/unix" in line or "/inet" in line]), 4, f"no others: {lines}")


def test_what_cannot_be_read():
    mta = with_settings("")
    (mta.conf / "master.cf").write_text("smtp inet n\n")
    status, lines = said(mta)
    equal(status, 1, "status")
    finding(lines, "master.cf: line 1", "unprivileged")
    os.unlink(mta.conf / "main.cf")
    done = mta.run("relais", "switch", "check")
    equal(done.status, 1, "status")
    check("main.cf" in done.stderr, done.stderr)


def test_instances():
    other = with_settings("nonsense_there = 1\n")
    mta = with_settings(f"multi_instance_directories = {other.conf}\nnonsense_here = 1\n")
    status, lines = said(mta)
    equal(status, 1, "status")
    finding(lines, f"{mta.conf}/main.cf", "nonsense_here")
    finding(lines, f"{other.conf}/main.cf", "nonsense_there")
