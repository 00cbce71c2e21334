"""What identifies messages to POP3 clients: ours and Dovecot's are the same for the same mailbox, whatever the settings,
whoever has given the UIDs, and in turn on one mailbox."""
import re
import time

from support import check, equal
from support.pop3_pair import pop3_pair

COUNT = 7
VALIDITY = 1700000123
# Dovecot's file, as a migration or its own sessions leave it.
LIST = f"""\
3 V{VALIDITY} N20 G0123456789abcdef0123456789abcdef
2 Pfirst-uidl W11 :1700000000.M0.h
3 P :1700000001.M1.h,S=8
4 G52fdfc072182654f163f5f0f9a621d72 O7 :1700000002.M2.h
5 O2 Psame:with:colons :1700000003.M3.h
9 O3 W11 Gguid :1700000004.M4.h
11 :1700000005.M5.h
12 Psame:with:colons :1700000006.M6.h,S=8,W=11
"""
NAMES = [f"1700000000.M0.h", "1700000001.M1.h,S=8", "1700000002.M2.h", "1700000003.M3.h", "1700000004.M4.h", "1700000005.M5.h",
         "1700000006.M6.h,S=8,W=11"]


def listed(text=LIST):
    files = {f"cur/{name}:2,": b"A: %d\n\nx\n" % i for i, name in enumerate(NAMES)}
    return files | ({"dovecot-uidlist": text.encode()} if text else {})


def compare(account):
    account.same("STAT", "LIST", "UIDL", *(f"UIDL {i}" for i in range(1, COUNT + 1)), *(f"RETR {i}" for i in range(1, COUNT + 1)),
                 "DELE 2", "UIDL", "UIDL 2", "RSET", "UIDL", "QUIT")
    account.close()


def test_keys_of_the_list():
    compare(pop3_pair().account(listed()))
    compare(pop3_pair().account(listed("\n".join(line for line in LIST.split("\n") if not re.search(r" [PO]\S* ", line)))))


def test_formats():
    for text in ("%v.%u", "%f", "%g", "UID%u-%v,%Xu.%08Xv%%%4f,%Rf,%Ug%-3.3v%5.4g.%-2.1u%03u"):
        pair = pop3_pair(f"pop3_uidl_format = {text}\n", f"pop3_uidl_format = {text}\n")
        compare(pair.account(listed()))
    check(pair.compared > 20, pair.compared)


test_formats.seconds = 120


def test_saved_uidls_survive_another_format():
    settings = "pop3_save_uidl = yes\n"
    account = pop3_pair(settings, settings).account(listed())
    compare(account)
    saved = {}
    for whose, home in account.homes.items():
        text = (home / "Maildir/dovecot-uidlist").read_text()
        saved[whose] = dict(re.findall(r"(?m)^(\d+) .*?\bP(\S*) ", text))
    equal(saved["ours"], saved["theirs"], "P keys")
    equal(len(saved["ours"]), COUNT, "all of them")


def test_other_settings():
    both = "pop3_reuse_xuidl = yes\n"
    messages = {f"cur/{1700000000 + i}.M{i}.h:2,": text for i, text in enumerate(
        [b"X-UIDL: of another\n\nx\n", b"X-UIDL:  blanks   \nA: b\n\nx\n", b"A: b\n\nX-UIDL: body\n", b"x-uidl: lower\n\n"])}
    account = pop3_pair(both, both).account(messages | {"dovecot-uidlist": f"3 V{VALIDITY} N2 G0123456789abcdef0123456789abcdef\n".encode()})
    account.same("UIDL", "UIDL 1", "UIDL 4", "QUIT")
    account.close()
    both = "pop3_uidl_format = %v\npop3_uidl_duplicates = rename\n"
    account = pop3_pair(both, both).account(messages | {"dovecot-uidlist": f"3 V{VALIDITY} N2 G0123456789abcdef0123456789abcdef\n".encode()})
    account.same("UIDL 3", "UIDL", "UIDL 1", "QUIT")
    account.close()
    both = "pop3_enable_last = yes\npop3_no_flag_updates = no\n"
    account = pop3_pair(both, both).account(messages)
    account.same("LAST", "RETR 2", "LAST", "RETR 1", "LAST", "TOP 4 1", "LAST", "LAST x", "QUIT")
    account.close()
    account.same("LAST", "RETR 3", "RSET", "LAST", "QUIT")
    account.close()
    account.same("LAST", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "flags behind RSET")
    ours, theirs = "pop3_deleted_flag = $$POP3Gone\n", "pop3_deleted_flag = \"$POP3Gone\"\npop3_delete_type = flag\n"
    account = pop3_pair(ours, theirs).account(messages)
    account.same("STAT", "DELE 2", "DELE 3", "STAT", "QUIT")
    account.close()
    account.same("STAT", "LIST", "TOP 2 0", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "messages with a flag")
    equal([(home / "Maildir/dovecot-keywords").read_text() for home in account.homes.values()], ["0 $POP3Gone\n"] * 2, "keywords")
    both = "pop3_client_workarounds = outlook-no-nuls oe-ns-eoh\npop3_no_flag_updates = yes\n"
    account = pop3_pair(both, both).account({"cur/1.M1.h:2,": b"A: b\n", "cur/2.M2.h:2,": b"A: b\n\na\0b\0", "cur/3.M3.h:2,": b"", "cur/4.M4.h:2,": b"x"})
    account.same(*(f"{c}" for i in range(1, 5) for c in (f"RETR {i}", f"TOP {i} 0", f"TOP {i} 1")), "QUIT")
    account.close()
    account.same("STAT", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "nothing is read")


test_other_settings.seconds = 120


def uidls(pair, whose, user):
    session = pair.session(whose, user)
    lines = session.command("UIDL")[1:-1]
    sizes = session.command("LIST")[1:-1]
    session.command("QUIT")
    session.close()
    return lines, sizes


def test_both_servers_in_turn_on_one_mailbox():
    pair = pop3_pair()
    for first, second in (("ours", "theirs"), ("theirs", "ours")):
        account = pair.account(listed(None), shared=True)
        maildir = account.homes["ours"] / "Maildir"
        before = uidls(pair, first, account.user)
        for turn in range(3):
            for whose in (second, first):
                equal(uidls(pair, whose, account.user), before, f"{whose} behind {first}")
            for whose in (first, second):
                # One message goes and one comes; the others stay who they are.
                (maildir / f"new/{1800000000 + turn}.{whose}.h").write_bytes(b"Subject: new\n\nx\n")
                session = pair.session(whose, account.user)
                check(session.command("DELE 2")[0].startswith(b"+OK"), "DELE")
                equal(session.command("QUIT"), [b"+OK Logging out, messages deleted."], "QUIT")
                session.close()
            kept = [line.split(b" ")[1] for line in before[0]]
            before = uidls(pair, second, account.user)
            now = [line.split(b" ")[1] for line in before[0]]
            equal(now[:-2], [kept[0], *kept[3:]], "what stays")
            check(not set(now[-2:]) & set(kept), "no identifier is used again")


def test_sizes_that_are_found_out_are_noted_down_as_dovecot_does():
    account = pop3_pair().account({f"cur/{1700000000 + i}.M{i}.h:2,": b"A: b\n\n" + b"x\n" * i for i in range(40)}, shared=True)
    first = uidls(pop3_pair(), "ours", account.user)
    text = (account.homes["ours"] / "Maildir/dovecot-uidlist").read_text()
    equal(re.findall(r"(?m)^(\d+) W(\d+) :", text), [(str(i + 1), str(8 + 3 * i)) for i in range(40)], "W keys")
    equal(uidls(pop3_pair(), "theirs", account.user), first, "what Dovecot says")


def test_a_session_at_a_time():
    both = "pop3_lock_session = yes\n"
    pair = pop3_pair(both, both)
    waiting = []
    for first, second in (("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")):
        account = pair.account(listed(), shared=True)
        holder, other = pair.session(first, account.user), pair.session(second)
        equal(holder.command("STAT")[0][:3], b"+OK", "holder")
        other.command(f"USER {account.user}")
        other.send(b"PASS secret\r\n")
        waiting.append((account, second, holder, other))
    began = time.monotonic()
    for account, second, holder, other in waiting:
        equal(other.line()[:14], b"-ERR [IN-USE] ", f"{second} while another has it")
        holder.command("QUIT")
        holder.close()
        other.close()
        equal(uidls(pair, second, account.user)[0][:1], [b"1 same:with:colons"], "behind it")
    check(5 < time.monotonic() - began < 30, "they wait a little")


test_a_session_at_a_time.seconds = 90
