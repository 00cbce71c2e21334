"""What becomes of logins by IMAP, many at a time."""
import imaplib
import socket
import threading

PASSWORDS = ("secret", "other", "")


class From(imaplib.IMAP4):
    def __init__(self, host, port, own):
        self.own = own
        super().__init__(host, port, timeout=40)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.own, 0))


def outcome(address, port, number, user, password):
    """in, or the code of the refusal; all of it where it is of a rarer kind.  Each attempt has an address of its own, since failures slow down an address."""
    net = address.rsplit(".", 2)[0]
    client = None
    try:
        client = From(address, port, f"{net}.{number // 200 + 201}.{number % 200 + 1}")
        client.login(f'"{user}"', password or '""')
        return "in"
    except imaplib.IMAP4.error as error:
        code = str(error).split("]")[0].strip("b'[")
        return code if code in ("AUTHENTICATIONFAILED", "UNAVAILABLE") else str(error).removeprefix("b'").strip("'")
    finally:
        if client:
            client.shutdown()


def outcomes(mail, port, users):
    """{(user, password): what became of it}."""
    found, threads = {}, []
    def ask(number, user, password):
        found[user, password] = outcome(mail.address, port, number, user, password)
    for user in users:
        for password in PASSWORDS:
            threads.append(threading.Thread(target=ask, args=(len(threads), user, password)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    return found
