"""A mail filter on python3-milter that asks for every change there is.  every_change.py SOCKET"""
import os
import sys

import Milter


class EveryChange(Milter.Base):
    def envfrom(self, sender, *words):
        self.body_size = 0
        return Milter.CONTINUE

    def envrcpt(self, recipient, *words):
        if "discard" in recipient:
            return Milter.DISCARD
        return Milter.CONTINUE

    def body(self, chunk):
        self.body_size += len(chunk)
        return Milter.CONTINUE

    def eom(self):
        self.addheader("X-Python", f"{self.body_size} bytes, id known: {bool(self.getsymval('i'))}")
        self.addheader("X-First", "first\n  folded", 0)
        self.chgheader("Subject", 1, "changed by Python")
        self.chgheader("X-Drop", 1, "")
        self.chgfrom("<dave@remote.test>", "RET=HDRS")
        self.addrcpt("<u2@virt.test>", "NOTIFY=NEVER")
        self.delrcpt("<bob@example.test>")
        self.progress()
        self.replacebody("replaced by Python\r\n" * 3000)
        if self.body_size > 1000:
            self.quarantine("too long to be true")
        return Milter.CONTINUE


if __name__ == "__main__":
    os.umask(0)
    Milter.factory = EveryChange
    Milter.set_flags(Milter.CHGBODY | Milter.CHGHDRS | Milter.ADDHDRS | Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT |
                     Milter.CHGFROM | Milter.QUARANTINE)
    Milter.runmilter("every_change", sys.argv[1], 30)
