"""Several databases in order, what follows from what each says, fields of users, and master users: Dovecot 2.3 and ours."""
import concurrent.futures

from support import auth_client, bound, equal
from support.dovecot import Dovecot
from support.imap import IMAP, ImapInstance
from support.login_attempts import outcome
from support.room import room

HOME = ":@UID@:@GID@::@HOME@::"


class Pair:
    """Files of users, and lists of (file, settings): databases of passwords and of mail.  What the two servers make of them
    differently is in `differences` in the end."""

    def __init__(self, differences, files, passdbs, userdbs=("",), more="", main=""):
        self.mail = ImapInstance(main)
        uid, gid = self.mail.mta.vmail_ids()
        self.files = {}
        for name, text in files.items():
            path = room().scratch / f"list-{name}"
            path.write_text(text.replace(HOME, f":{uid}:{gid}::{self.mail.home('bob')}::"))
            path.chmod(0o644)
            self.files[name] = path
        ours = " ".join(f"{{ {self.braced(settings)} passwd-file:{self.files[name]} }}" for name, settings in passdbs)
        theirs = "".join("passdb {\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u " + str(self.files[name]) + "\n" + self.lines(settings) + "}\n"
                         for name, settings in passdbs)
        our_users = " ".join(f"{{ {self.braced(settings)} {'prefetch' if name == 'prefetch' else f'passwd-file:{self.files[name]}'} }}"
                             for name, settings in userdbs)
        theirs += "".join("userdb {\n" + ("  driver = prefetch\n" if name == "prefetch" else f"  driver = passwd-file\n  args = username_format=%u {self.files[name]}\n")
                          + self.lines(settings) + "}\n" for name, settings in userdbs)
        conf = self.mail.mta.conf / "main.cf"
        conf.write_text(conf.read_text() + f"auth_passdb = {ours}\nauth_userdb = {our_users}\nauth_failure_delay = 0s\nauth_default_scheme = PLAIN\n")
        self.mail.mta.run("postfix", "reload")
        self.dovecot = Dovecot(self.mail, complaints=False, pop3=True, users=theirs.replace("{", "{{").replace("}", "}}"),
                               more="auth_failure_delay = 0\nauth_username_chars =\n" + more)
        self.number, self.differences = 0, differences
        self.settings = [settings for _, settings in [*passdbs, *userdbs] if settings]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dovecot.stop()
        self.mail.stop()

    @staticmethod
    def braced(settings):
        return " ".join(f"{name}={{ {value} }}" if " " in value else f"{name}={value}" for name, value in settings.items())

    @staticmethod
    def lines(settings):
        return "".join(f"  {name} = {value}\n" for name, value in settings.items())

    def same(self, *logins):
        """The outcomes of (user, password), which must be the same."""
        first, self.number = self.number, self.number + len(logins)
        def ask(port):
            attempts = [(self.mail.address, port, first + number, *login) for number, login in enumerate(logins)]
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                return list(pool.map(lambda attempt: outcome(*attempt), attempts))
        for login, ours, theirs in zip(logins, ask(IMAP), ask(self.dovecot.port)):
            self.note(" ".join(login), ours, theirs)

    def note(self, what, ours, theirs):
        if ours != theirs and "EOF" not in theirs and "broken" not in theirs:  # Dovecot's process has died then
            self.differences.append(f"{what} {self.settings}: {ours}, not {theirs}")

    def same_user(self, *users):
        client = auth_client.of(self.mail.mta)
        for user in users:
            answer = client.user(user)
            ours = {k: v for k, v in answer.items() if v and k not in ("version", "files", "mail")} if isinstance(answer, dict) else None
            shown = self.dovecot.run("doveadm", "user", user)
            theirs = dict(line.split("\t", 1) for line in shown.stdout.splitlines() if "\t" in line) if shown.returncode == 0 else None
            theirs = {k: v for k, v in theirs.items() if v and k not in ("field", "mail")} if theirs else None
            self.note(user, ours, theirs)
        client.close()


FIRST = "anna:one\nboth:one\nlocked:!\n"
SECOND = "both:two\ncleo:two\n"
USERS = "".join(f"{name}:{HOME}\n" for name in ("anna", "both", "cleo", "locked"))
ATTEMPTS = [(user, password) for user in ("anna", "both", "cleo", "locked", "nobody") for password in ("one", "two")]
RULES = ({}, {"result_failure": "return-fail"}, {"result_failure": "return"}, {"result_success": "continue"}, {"result_success": "continue-ok"},
         {"result_success": "continue-fail"}, {"result_success": "return-fail"}, {"result_success": "return"}, {"result_failure": "continue-fail"},
         {"result_failure": "continue-ok"}, {"result_failure": "return-ok"}, {"pass": "yes"}, {"deny": "yes"}, {"skip": "unauthenticated"}, {"skip": "authenticated"},
         {"username_filter": "a*"}, {"username_filter": "!a*"}, {"username_filter": "b* !both"}, {"mechanisms": "plain"}, {"mechanisms": "cram-md5"},
         {"mechanisms": "PLAIN LOGIN"})


@bound(170)
def test_what_follows_from_an_answer_of_the_first_of_two():
    differences = []
    for rules in RULES:
        with Pair(differences, {"first": FIRST, "second": SECOND, "users": USERS}, [("first", rules), ("second", {})], [("users", {})]) as pair:
            pair.same(*ATTEMPTS)
    equal(differences, [], "what Dovecot does otherwise")


@bound(170)
def test_what_follows_from_an_answer_of_the_second():
    differences = []
    for first in ({"result_success": "continue-ok"}, {"result_success": "continue"}):
        for rules in RULES[1:10]:
            with Pair(differences, {"first": FIRST, "second": SECOND, "users": USERS}, [("first", first), ("second", rules)], [("users", {})]) as pair:
                pair.same(*ATTEMPTS[:8])
    equal(differences, [], "what Dovecot does otherwise")


FIELDS = """\
plain:secret::::::
near:secret::::::allow_nets=127.0.0.0/8
far:secret::::::allow_nets=192.0.2.1,198.51.100.0/24
local:secret::::::allow_nets=local
odd:secret::::::allow_nets=nonsense
barred:secret::::::nologin
barredwhy:secret::::::nologin reason=Closed_for_today
quick:secret::::::nodelay
other:secret::::::user=plain
free:::::::nopassword
fetched:secret::::::userdb_uid=8 userdb_gid=8 userdb_home=/nonexistent userdb_quota_rule=*:bytes=1
"""


@bound(100)
def test_fields_of_users():
    differences = []
    names = ("plain", "near", "far", "local", "odd", "barred", "barredwhy", "quick", "free")
    users = "".join(f"{name}:{HOME}\n" for name in names)
    for userdbs in ([("users", {})], [("prefetch", {}), ("users", {})]):
        with Pair(differences, {"fields": FIELDS, "users": users}, [("fields", {})], userdbs) as pair:
            pair.same(*[(user, password) for user in (*names, "other", "nobody") for password in ("secret", "wrong")])
            pair.same_user("plain", "near", "barred", "fetched", "other", "nobody")
    equal(differences, [], "what Dovecot does otherwise")


@bound(60)
def test_fields_that_the_list_adds():
    differences = []
    users = f"plain:{HOME}userdb_quota_rule=*:bytes=7 userdb_first=1\nbare::::::\n"
    passwords = "plain:secret\nbare:secret\nfar:secret::::::allow_nets=192.0.2.1\n"
    for settings in ({"default_fields": "nologin="}, {"override_fields": "allow_nets=192.0.2.1"}, {"override_fields": "allow_nets="}):
        with Pair(differences, {"fields": passwords, "users": users}, [("fields", settings)], [("users", {})]) as pair:
            pair.same(("plain", "secret"), ("far", "secret"))
    with Pair(differences, {"fields": passwords, "users": users}, [("fields", {})],
              [("users", {"default_fields": "first=2 second=%u", "override_fields": "third=%d/%n quota_rule=*:bytes=9"})]) as pair:
        pair.same_user("plain", "nobody")
    equal(differences, [], "what Dovecot does otherwise")


@bound(60)
def test_several_databases_of_mail():
    differences = []
    files = {"fields": "plain:secret\ncleo:secret\n", "a": "plain:::::/a::userdb_first=a userdb_both=a\n",
             "b": f"plain:{HOME}userdb_second=b userdb_both=b\ncleo:{HOME}\n"}
    for rules in ({}, {"result_success": "continue-ok"}, {"result_success": "continue"}, {"result_failure": "return-fail"}, {"skip": "notfound"}):
        with Pair(differences, files, [("fields", {})], [("a", rules), ("b", {})]) as pair:
            pair.same_user("plain", "cleo", "nobody")
    for rules in ({"skip": "found"}, {"skip": "notfound"}, {}):
        with Pair(differences, files, [("fields", {})], [("a", {"result_success": "continue-ok"}), ("b", rules)]) as pair:
            pair.same_user("plain", "cleo", "nobody")
    equal(differences, [], "what Dovecot does otherwise")


SEPARATOR = "auth_master_user_separator = *\n"


@bound(100)
def test_masters():
    differences = []
    files = {"masters": "root:rootpw\nfar:farpw::::::allow_nets=192.0.2.1\nboth:bothpw\n", "users": f"anna:one{HOME}\nboth:two{HOME}\nbarred:x{HOME}nologin\n",
             "mail": "".join(f"{name}:{HOME}\n" for name in ("anna", "both", "mailonly", "barred"))}
    attempts = (("anna", "one"), ("anna*root", "rootpw"), ("anna*root", "one"), ("both*both", "bothpw"), ("both*both", "two"), ("root", "rootpw"),
                ("nobody*root", "rootpw"), ("mailonly*root", "rootpw"), ("anna*anna", "one"), ("anna*far", "farpw"), ("barred*root", "rootpw"),
                ("*root", "rootpw"), ("anna*", "one"), ("anna*root*x", "rootpw"), ("anna", "rootpw"))
    for settings in ({"master": "yes"}, {"master": "yes", "pass": "yes"}, {"master": "yes", "result_success": "continue"}):
        with Pair(differences, files, [("masters", settings), ("users", {})], [("mail", {})], more=SEPARATOR, main=SEPARATOR) as pair:
            pair.same(*attempts)
            client = auth_client.of(pair.mail.mta)
            # PLAIN names both as well (RFC 4616).
            equal(client.login("PLAIN", b"anna\0root\0rootpw")[0], "OK", "authorization as anna")
            equal(client.login("PLAIN", b"anna\0anna\0one")[0], "OK", "as oneself")
            equal(client.login("PLAIN", b"anna\0both\0two")[0], "FAIL", "who is no master")
            client.close()
    with Pair(differences, files, [("users", {})], [("mail", {})], more=SEPARATOR, main=SEPARATOR) as pair:
        pair.same(*attempts)
    equal(differences, [], "what Dovecot does otherwise")
