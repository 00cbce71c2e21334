"""bounce_template_file: what postconf -t and -b show of files that are right, odd and wrong."""
import os
import random

from support import check
from support.compare import scenario

SET = "failure_template = "
ODD = ["", "\n", "# only a comment\n", " # c\n\n\t\n" + SET + "<<E\nx\nE\n", SET + "one line\n", SET + "\n", SET + "Subject: x\n",
       SET + "<<E\nSubject: s\n\nx\nE", SET + "<<E\nSubject: s\n\nx\ny", SET + "<<E\nSubject: s\n\nx\nE \n", SET + "<<E\nx\n E\n",
       SET + "<<E\r\nSubject: s\r\n\r\nx\r\nE\r\n", SET + "<<E\nSubject: s\r\n\r\nx\r\nE\n", SET + "<< E F \nSubject: s\n\nx\nE F\n",
       SET + "<<E\n\nSubject: s\n\nx\nE\n", SET + "<<E\n \nSubject: s\n\nx\nE\n", SET + "<<E\n Subject: s\n\nx\nE\n",
       SET + "<<E\nSubject : s\nFrom:f  \nSubject: t\n\n \n\nx\n\nE\n", SET + "<<E\nSubject: s\n  more\n\nx\nE\n", SET + "<<E\nSubj ect: s\nE\n",
       SET + "<<E\n9foo: s\n\nx\nE\n", SET + "<<E\nX\u00e4: s\n\nx\nE\n", SET + "<<E\nSubject:\n\nx\nE\n", SET + "<<E\nSubject: \u00e4\n\nx\nE\n",
       SET + "<<E\nCharset: utf-8\nCharset: us-ascii\n\n\u00e4\nE\n", SET + "<<E\nCharset: US-ASCII\n\n\u00e4\nE\n",
       SET + "<<E\nCharset: utf-8\n\n\u00e4\nE\n", SET + "<<E\nCharset: iso-8859-1\n\n\udce4\nE\n", SET + "<<E\nSubject: a\0b\n\nx\0y\nE\n",
       SET + "<<E\nSubject: s\nCharset: utf-8\n\nx\nE\n" + SET + "<<E\nFrom: f\n\ny\nE\n", SET + "<<E\nFrom: f\n\nx\nE\n" + SET + "<<E\nBad: f\n\nx\nE\n",
       "other_template = <<E\nx\nE\n", "Failure_Template = <<E\nx\nE\n", "verify_template = <<E\nPostmaster-Subject: x\n\nx\nE\n",
       "delay_template = <<E\nPostmaster-Subject: x\n\nx\nE\n", SET + "<<E\n" + "x" * 70000 + "\nE\n", SET + "<<E\n" + "line\n" * 3000 + "E\n"]
UNUSABLE = ["garbage\n", SET + "<<\nx\n", SET + "<<_E\nx\n_E\n", " = x\n", "a b = c\n", SET + "<<E\nx\nE\nE\n", SET + "x\n  continued\n"]
TEXTS = ["$mydomain ${mydomain} $(mydomain) $$", "${mydomain?a} ${mydomain:b} ${nosuch:c} ${nosuch?d}", "${nosuch?{a}:{b}}",
         "${{$mydomain} == {x}? {y} : {z}}", "$maximal_queue_lifetime_days ${delay_warning_time_hours} $(maximal_queue_lifetime_hours)",
         "$maximal_queue_lifetime_seconds", "$maximal_queue_lifetime_weeks", "${maximal_queue_lifetime_days?{a}:{b}}",
         "${delay_warning_time_hours:x}", "$delay_warning_time $bounce_size_limit $bounce_template_file $process_name $set_here"]
WRONG = ["first\n$nosuch\nlast", "${nosuch}", "$1", "$virtual_alias_maps", "$smtpd_recipient_restrictions", "$my-hostname", "a $ b", "a $", "${}", "${x",
         "${mydomain)", "$(maximal_queue_lifetime_days}", "${x y}", "$maximal_queue_lifetime_foo", "$delay_warning_time_"]


def show(mta, option, text):
    path = mta.conf / "shown.cf"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    os.utime(path, (1, 1))  # Postfix reads a file that is younger than a second again and again
    out = mta.run("postconf", option, path, record=False)
    mta.note(f"{option} {text[:200]!r}", out)
    return out


@scenario
def odd_files(mta):
    for text in ODD:
        show(mta, "-t", text)


@scenario
def unusable_files(mta):
    for text in UNUSABLE:
        show(mta, "-t", text)


@scenario(main="set_here = a $mydomain b\ndelay_warning_time = 4h")
def names_in_texts(mta):
    for text in TEXTS:
        show(mta, "-b", SET + f"<<E\nSubject: s\n\n{text}\nE\n")


@scenario
def wrong_names_in_texts(mta):
    for text in WRONG:
        out = show(mta, "-b", SET + f"<<E\nSubject: s\n\n{text}\nE\n")
        check(out.status == 1, text)


PIECES = ["failure_template", "delay_template", "success_template", "verify_template", " = ", "<<", "E", "\n", "\n", "E\n", "\nE\n", "Subject: s\n",
          "Charset: utf-8\n", "From: f\n", "Postmaster-Subject: p\n", "# c\n", " ", "\t", "\r\n", "\u00e4", "\udce4", "$mydomain", "$$", "x", ":", "="]


@scenario(main="smtputf8_enable = yes")
def files_by_chance(mta):
    chance = random.Random(70707)
    for _ in range(25):
        names = chance.sample(["failure", "delay", "success", "verify"], 2)
        text = ""
        for name in names:
            body = "".join(chance.choice(PIECES) for _ in range(chance.randrange(12)))
            text += f"{name}_template = <<E\n{body}\nE\n"
        show(mta, "-t", text)
