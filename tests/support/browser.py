"""Chromium on a machine of package_root, driven by chromedriver: the WebDriver protocol (W3C), each command of it typed there as curl.

    with Browser(mx) as browser:
        browser.open("http://webmail.example.test/")
        browser.type("#user", "anna")
        browser.click("#submit")
        browser.wait("#inbox")
"""
import json
import time

PORT = 9515
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1000", "--user-data-dir=/tmp/chromium"]
GONE = ("no such element", "stale element reference", "element not interactable", "element click intercepted", "no such frame")


class WebDriverError(Exception):
    def __init__(self, value):
        super().__init__(f"{value.get('error')}: {value.get('message', '')[:500]}")
        self.gone = value.get("error") in GONE


class Browser:
    def __init__(self, machine):
        self.machine, self.session = machine, None
        machine.run(f"setsid chromedriver --port={PORT} > /var/log/chromedriver.log 2>&1 &")
        machine.wait(f"curl -s http://127.0.0.1:{PORT}/status")
        options = {"args": SWITCHES, "binary": "/usr/bin/chromium"}
        self.session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if not kind:  # else the machine goes away with everything in it
            self._call("DELETE", "")

    def _call(self, method, path, body=None):
        where = f"http://127.0.0.1:{PORT}" + (f"/session/{self.session}" if self.session else "") + path
        said = self.machine.run(f"curl -s --max-time 60 -X {method} -H 'Content-Type: application/json' -d @- '{where}'", text=json.dumps(body or {}))
        value = json.loads(said)["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(value)
        return value

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def script(self, text, *arguments):
        """What JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def text(self, selector="body"):
        """What a reader sees there; nothing where there is no such element."""
        return self.script("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())", selector)

    def find(self, selector):
        return self._call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector, text=""):
        """Once it is there and can be clicked; the first one that shows the text."""
        self._patiently(lambda: self._call("POST", f"/element/{self.find(selector) if not text else self._find_with(selector, text)}/click"))

    def _find_with(self, selector, text):
        found = self.script("return [...document.querySelectorAll(arguments[0])].find(e => e.innerText.includes(arguments[1]))", selector, text)
        if not found:
            raise WebDriverError({"error": GONE[0], "message": f"{selector} with {text}"})
        return found[ELEMENT]

    def type(self, selector, text):
        """In place of what is in the field."""
        def into():
            element = self.find(selector)
            self._call("POST", f"/element/{element}/clear")
            self._call("POST", f"/element/{element}/value", {"text": text})
        self._patiently(into)

    def press(self, selector, keys):
        """Adds keys: "\\ue007" is Enter (WebDriver has a table of them)."""
        self._patiently(lambda: self._call("POST", f"/element/{self.find(selector)}/value", {"text": keys}))

    def wait(self, selector, seconds=20):
        return self._patiently(lambda: self.find(selector), seconds)

    def wait_true(self, text, seconds=20):
        """Until JavaScript says so."""
        end = time.monotonic() + seconds
        while not self.script(f"return {text}"):
            if time.monotonic() > end:
                raise AssertionError(f"{text} is not true on the page:\n{self.text()[:2000]}")
            time.sleep(0.1)

    def wait_text(self, text, selector="body", seconds=20):
        end = time.monotonic() + seconds
        while text not in (shown := self.text(selector)):
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} is not shown in {selector}, but:\n{shown[:2000]}")
            time.sleep(0.1)
        return shown

    def wait_no_text(self, text, selector="body", seconds=20):
        end = time.monotonic() + seconds
        while text in (shown := self.text(selector)):
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} is still shown in {selector}:\n{shown[:2000]}")
            time.sleep(0.1)

    def enter_frame(self, selector):
        self._patiently(lambda: self._call("POST", "/frame", {"id": {ELEMENT: self.find(selector)}}))

    def leave_frame(self):
        self._call("POST", "/frame", {"id": None})

    def accept(self):
        """The answer "yes" to what a page asks in a dialogue of its own."""
        self._call("POST", "/alert/accept")

    def _patiently(self, action, seconds=20):
        end = time.monotonic() + seconds
        while True:
            try:
                return action()
            except WebDriverError as error:
                if not error.gone or time.monotonic() > end:
                    raise AssertionError(f"{error}\non the page:\n{self.text()[:2000]}") from error
                time.sleep(0.1)
