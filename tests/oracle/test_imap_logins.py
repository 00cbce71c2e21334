"""Who may log in by a users' file that Dovecot 2.3 and ours both read."""
import base64
import crypt
import hashlib

from support import bound, equal
from support.dovecot import Dovecot
from support.imap import IMAP, ImapInstance
from support.login_attempts import outcomes


def b64(data):
    return base64.b64encode(data).decode()


def entries():
    """{user: what stands in the field of the password}; None: there is no such field."""
    sha512, md5 = crypt.crypt("secret", "$6$saltsalt$"), crypt.crypt("secret", "$1$saltsalt$")
    plain, salted = hashlib.sha256(b"secret").digest(), hashlib.sha1(b"secretSALT").digest() + b"SALT"
    found = {
        "plain": "secret", "scheme": "{PLAIN}secret", "lower": "{plain}secret", "crypt": f"{{CRYPT}}{sha512}",
        "empty": "", "emptyplain": "{PLAIN}", "emptycrypt": "{CRYPT}", "nofield": None,
        "bang": "!", "star": "*", "bangcrypt": "{CRYPT}!", "starcrypt": "{CRYPT}*", "lockedcrypt": f"{{CRYPT}}!{sha512}",
        "lockedsha": f"{{SHA512-CRYPT}}!{sha512}", "bangsha": "{SHA512-CRYPT}!", "bangmd5": "{MD5-CRYPT}*",
        "bangblf": "{BLF-CRYPT}!", "xcrypt": "{CRYPT}x",
        "plainb64": f"{{PLAIN.b64}}{b64(b'secret')}", "plainhex": f"{{PLAIN.HEX}}{b'secret'.hex()}",
        "plainB64": f"{{PLAIN.B64}}{b64(b'secret')}", "plainbase64": f"{{PLAIN.BASE64}}{b64(b'secret')}",
        "clearhex": f"{{CLEARTEXT.hex}}{b'secret'.hex().upper()}",
        "cryptb64": f"{{CRYPT.b64}}{b64(sha512.encode())}", "crypthex": f"{{SHA512-CRYPT.hex}}{sha512.encode().hex()}",
        "md5b64": f"{{MD5-CRYPT.B64}}{b64(md5.encode())}",
        "sha256": f"{{SHA256}}{b64(plain)}", "sha256hex": f"{{SHA256.HEX}}{plain.hex()}", "sha256b64": f"{{SHA256.B64}}{b64(plain)}",
        "sha256unsaid": f"{{SHA256}}{plain.hex()}", "sshahex": f"{{SSHA.hex}}{salted.hex()}", "ssha": f"{{SSHA}}{b64(salted)}",
        "plainmd5b64": f"{{PLAIN-MD5.b64}}{b64(hashlib.md5(b'secret').digest())}",
        "ldapmd5hex": f"{{LDAP-MD5.hex}}{hashlib.md5(b'secret').hexdigest()}",
    }
    return found


def wrong_entries():
    return {"rot13": "{ROT13}frperg", "plainfoo": "{PLAIN.FOO}secret", "tornb64": "{PLAIN.b64}!!!", "tornhex": "{PLAIN.hex}7",
            "oddhex": "{SHA256.hex}abc", "tornssha": "{SSHA}!!!", "shortssha": "{SSHA}c2hvcnQ=", "noclose": "{PLAINsecret"}


def users_text(mail, stored):
    uid, gid = mail.mta.vmail_ids()
    rest = f":{uid}:{gid}::{mail.home('bob')}::\n"
    text = "".join(user + ("" if password is None else f":{password}{rest}") + ("\n" if password is None else "")
                   for user, password in stored.items())
    return text + f"twice:{{PLAIN}}secret{rest}twice:{{PLAIN}}other{rest}"


def compare(stored):
    mail = ImapInstance("auth_default_scheme = PLAIN\n")
    text = users_text(mail, stored)
    dovecot = Dovecot(mail, complaints=False)
    (dovecot.root / "users").write_text(text)
    (mail.mta.conf / "users").write_text(text)
    users = [*stored, "twice", "nobody"]
    theirs, ours = outcomes(mail, dovecot.port, users), outcomes(mail, IMAP, users)
    dovecot.stop()
    mail.stop()
    return theirs, ours


def differences(ours, theirs):
    return [(*key, ours[key], theirs[key]) for key in theirs if ours[key] != theirs[key]]


@bound(90)
def test_passwords_of_a_users_file():
    theirs, ours = compare(entries())
    equal(differences(ours, theirs), [], "(user, password, ours, Dovecot's)")


@bound(90)
def test_passwords_that_cannot_be_read():
    theirs, ours = compare(wrong_entries())
    equal(differences(ours, theirs), [], "(user, password, ours, Dovecot's)")
