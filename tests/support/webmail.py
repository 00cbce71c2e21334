"""The pages of PostfixAdmin and Roundcube, as a person uses them with a browser."""
import re

ENTER = "\ue007"


class PostfixAdmin:
    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def set_up(self, password, keep):
        """setup.php: makes the hash of the password, which `keep` writes into the configuration as the page says, and the tables."""
        self.browser.open(f"{self.url}/setup.php")
        for field in ("#setup_password", "#setup_password2"):
            self.browser.type(field, password)
        self.browser.click("form[name=setuppw] [type=submit]")
        keep(re.search(r"\$CONF\['setup_password'\] = .*;", self.browser.wait_text("$CONF['setup_password'] ="))[0])

    def add_superadmin(self, setup_password, name, password):
        self.browser.open(f"{self.url}/setup.php")
        self.browser.type("[name=setup_password]", setup_password)
        self.browser.click("[type=submit]")
        self.browser.type("#username", name)
        for field, text in (("[name=setup_password]", setup_password), ("#password", password), ("#password2", password)):
            self.browser.type(field, text)
        self.browser.click("[value=createadmin]")
        self.browser.wait_text(f"The admin {name} has been added")

    def log_in(self, name, password):
        self.browser.open(f"{self.url}/login.php")
        self.browser.type("[name=fUsername]", name)
        self.browser.type("[name=fPassword]", password)
        self.browser.click("[type=submit]")
        self.browser.wait_text("Overview")

    def add(self, table, said, **values):
        """A domain, a mailbox or an alias, until the page tells of it."""
        self.browser.open(f"{self.url}/edit.php?table={table}")
        for name, value in values.items():
            self.browser.type(f"[name='value[{name}]']", value)
        self.browser.click("[name=submit]")
        self.browser.wait_text(said)

    def send(self, to, subject):
        self.browser.open(f"{self.url}/sendmail.php")
        self.browser.type("#fTo", to)
        self.browser.type("#fSubject", subject)
        self.browser.click("[name=submit]")


class Roundcube:
    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def log_in(self, user, password):
        self.browser.open(self.url)
        self.browser.type("#rcmloginuser", user)
        self.browser.type("#rcmloginpwd", password)
        self.browser.click("#rcmloginsubmit")
        self.browser.wait("#messagelist")

    def log_out(self):
        self.browser.open(f"{self.url}/?_task=mail")
        self.browser.wait("#messagelist")
        self.browser.wait_true("!rcmail.busy")  # else it takes no command
        self.browser.script("rcmail.command('switch-task', 'logout')")
        self.browser.wait("#rcmloginuser")

    def open_folder(self, name="INBOX"):
        self.browser.open(f"{self.url}/?_task=mail&_mbox={name}")
        self.browser.wait("#messagelist")

    def create_folder(self, name):
        self.browser.open(f"{self.url}/?_task=settings&_action=folders")
        self.browser.click("a.create")
        self.browser.enter_frame("#preferences-frame")
        self.browser.type("[name=_name]", name)
        self.browser.click("button.submit")
        self.browser.leave_frame()
        self.browser.wait_text(name, "#subscription-table")

    def wait_subject(self, subject):
        """Looks again until the folder that is open shows it."""
        self.browser.script("rcmail.command('checkmail')")
        return self.browser.wait_text(subject, "#messagelist")

    def subjects(self):
        return [text for text in self.browser.texts("#messagelist tbody .subject a") if text]

    def read(self, subject):
        """What the message says."""
        self.browser.click("#messagelist tbody .subject a", subject)
        self.browser.enter_frame("#messagecontframe")
        self.browser.wait_text(subject)
        self.browser.wait("#messagebody")
        text = self.browser.text("#messagebody")
        self.browser.leave_frame()
        return text

    def compose(self, to, subject, text):
        self.browser.open(f"{self.url}/?_task=mail&_action=compose&_to={to}")
        self.browser.type("#compose-subject", subject)
        self.browser.type("#composebody", text)

    def write(self, to, subject, text):
        self.compose(to, subject, text)
        self._send()

    def fail_to_write(self, to, subject, text):
        """What it says."""
        self.compose(to, subject, text)
        self.browser.click("button.send")
        return self.browser.wait_text("SMTP", "#messagestack")

    def answer(self, text):
        """To the message that is open; the answer's subject and what is quoted."""
        self.browser.click("a.reply[title]")
        self.browser.wait("#composebody")
        subject, quoted = (self.browser.script("return document.querySelector(arguments[0]).value", field) for field in ("#compose-subject", "#composebody"))
        self.browser.press("#composebody", text)
        self._send()
        return subject, quoted

    def _send(self):
        self.browser.click("button.send")
        self.browser.wait("#messagelist", 30)

    def move(self, subject, folder):
        """The message that is open, as the folder chooser of "Move to..." does."""
        self.browser.script("rcmail.command('move', arguments[0])", folder)
        self.browser.wait_no_text(subject, "#messagelist")

    def delete(self, subject):
        """The message that is open; it goes to the trash."""
        self.browser.click("a.delete[title]")
        self.browser.wait_no_text(subject, "#messagelist")

    def flag(self):
        self.browser.script("rcmail.command('mark', 'flagged')")
        self.browser.wait("#messagelist tr.flagged")

    def search(self, words):
        """The subjects that are found."""
        self.browser.type("#mailsearchform", words)
        self.browser.press("#mailsearchform", ENTER)
        self.browser.wait_text("found", "#messagestack")
        return self.subjects()
