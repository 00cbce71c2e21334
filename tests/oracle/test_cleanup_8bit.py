"""What cleanup refuses, removes or marks in raw content: 8-bit text where there should be none, characters, encodings."""
from support.compare import scenario

HELLO = "EHLO client.test"
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
PART = "Content-Type: multipart/mixed; boundary=b\n\n--b\n{}\n\n{}\n--b--\n"
MESSAGES = (
    "Subject: plain\n\nplain\n",
    "Subject: grüße\n\nplain\n",
    "Subject: x\n\ngrüße in the body\n",
    "Subject: x\nContent-Transfer-Encoding: 8bit\n\ngrüße\n",
    "Subject: x\nContent-Transfer-Encoding: binary\n\ngrüße\n",
    "Subject: x\nContent-Transfer-Encoding: 7bit\n\ngrüße\n",
    "Subject: x\nContent-Transfer-Encoding: base64\n\ngrüße\n",
    "Subject: x\nContent-Transfer-Encoding: odd\n\ngrüße\n",
    "Subject: x\n" + PART.format("Content-Type: text/plain", "grüße"),
    "Subject: x\n" + PART.format("Content-Type: text/plain\nContent-Transfer-Encoding: 8bit", "grüße"),
    "Subject: x\nContent-Transfer-Encoding: 8bit\n" + PART.format("Content-Type: text/plain", "grüße"),
    "Subject: x\n" + PART.format("Content-Disposition: attachment; filename=grüße", "x"),
    "Subject: x\nContent-Transfer-Encoding: base64\n" + PART.format("Content-Type: text/plain", "x"),
    "Subject: x\nContent-Transfer-Encoding: quoted-printable\n" + PART.format("Content-Type: text/plain", "x"),
    "Subject: x\n" + PART.format("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64", "Subject: y\n\nz"),
    "Subject: x\n" + PART.format("Content-Type: message/partial; id=x\nContent-Transfer-Encoding: base64", "x"),
    "Subject: x\n" + PART.format("Content-Type: message/rfc822", "Subject: grüße\n\nz"),
    "Subject: x\n" + PART.format("Content-Type: message/rfc822", "Subject: y\n\ngrüße"),
    "Subject: x\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: 8bit\n\ngrüße\n",
    "Grüße without a header\n",
    "Subject: x\nGrüße that end the header\n",
)


def send_all(mta):
    for number, message in enumerate(MESSAGES):
        with mta.smtp() as s:
            s.talk(HELLO, f"MAIL FROM:<m{number}@remote.test>", "RCPT TO:<u1@virt.test>")
            s.data(message)
            s.command("QUIT")
    mta.sendmail("-f", "s@remote.test", "u1@virt.test", input=MESSAGES[2])
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


for setting in ("strict_7bit_headers", "strict_8bitmime_body", "strict_8bitmime", "strict_mime_encoding_domain"):
    globals()[setting] = scenario(main=PATIENT + f"{setting} = yes\n", ignore="message-id=<>|from=<>|<STAMP|message to")(send_all)
    globals()[setting].__name__ = setting


@scenario(main=PATIENT + "strict_8bitmime = yes\nstrict_mime_encoding_domain = yes\nreceive_override_options = no_header_body_checks\n",
          ignore="message-id=<>")
def unchecked(mta):
    send_all(mta)


@scenario(main=PATIENT + "strict_8bitmime = yes\nstrict_mime_encoding_domain = yes\ndisable_mime_input_processing = yes\n",
          ignore="message-id=<>|from=<>|<STAMP|message to")
def without_mime(mta):
    send_all(mta)


def nested_message(mta):
    inner = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"
    with mta.smtp() as s:
        s.command(HELLO)
        for depth in range(2, 9):
            s.talk("MAIL FROM:<a@remote.test>", "RCPT TO:<u1@virt.test>")
            s.data("".join(inner.format(i) for i in range(depth)) + "\nx\n")
    mta.settle()


@scenario(main=PATIENT + "mime_nesting_limit = 1\nstrict_8bitmime = yes\n"
          "smtputf8_enable = yes\n", ignore="message-id=<>")
def nested_too_deep(mta):
    nested_message(mta)
    with mta.smtp() as s:
        s.command(HELLO)
        for message in ("Subject: grüße\n\ngrüße\n", "Subject: " + "ü" * 300 + "\n\nx\n"):
            s.talk("MAIL FROM:<a@remote.test>", "RCPT TO:<u1@virt.test>")
            s.data(message)
        s.command("QUIT")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=PATIENT + "mime_nesting_limit = 1\nbody_checks = static:DUNNO\n", ignore="message-id=<>")
def nested_too_deep_for_nobody(mta):
    """Where nothing looks at the headers of parts, their depth does not matter."""
    nested_message(mta)


@scenario(main=PATIENT + "mime_nesting_limit = 4\nheader_checks = static:DUNNO\n", ignore="message-id=<>")
def nested_too_deep_for_checks(mta):
    nested_message(mta)


ENCODED = (3, 4, 5, 9, 10)


@scenario(main=PATIENT + "detect_8bit_encoding_header = no\ndefer_transports = virtual\n")
def encoding_that_is_not_detected(mta):
    encodings(mta)


@scenario(main=PATIENT + "defer_transports = virtual\n")
def encoding_that_is_detected(mta):
    encodings(mta)


def encodings(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for body in ("", " BODY=7BIT", " BODY=8BITMIME"):
            for number in ENCODED:
                s.talk(f"MAIL FROM:<m{number}{body.lower().replace(' body=', '-')}@remote.test>{body}", "RCPT TO:<u1@virt.test>")
                s.data(MESSAGES[number])
    mta.settle()
    found = []
    for path in mta.queue_files("deferred"):
        text = mta.run("postcat", "-e", path, record=False).stdout
        found.append(" ".join(line for line in text.splitlines() if line.startswith(("sender:", "named_attribute: encoding"))))
    mta.note("encodings", "\n".join(sorted(found)))


CHARACTERS = ("a\0b", "a\x01b", "a\tb", "a\x7fb", "aüb", "a\\b", "abc" * 10, "\0", "\0\0\0", "x" * 3000 + "\0" + "y" * 3000)


def characters(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for place in ("Subject: {}\n\nx\n", "Subject: x\n\n{}\nend\n", "Subject: x\n" + PART.format("X-Part: {}", "y").replace("{{}}", "{}")):
            for text in CHARACTERS:
                s.talk("MAIL FROM:<c@remote.test>", "RCPT TO:<u1@virt.test>")
                s.data(place.replace("{}", text))
        s.command("QUIT")
    mta.sendmail("-f", "s@remote.test", "u1@virt.test", input="Subject: x\n\na\0b\n")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


for name, settings in (("reject_nul", "message_reject_characters = \\0\n"), ("strip_nul", "message_strip_characters = \\0\n"),
                       ("reject_some", "message_reject_characters = \\001\\t\\303\\\\\n"),
                       ("strip_some", "message_strip_characters = \\1\\t\\177b\n"),
                       ("both", "message_strip_characters = \\0\nmessage_reject_characters = \\0\\1\n"),
                       ("neither", "message_strip_characters = \\0\nmessage_reject_characters = \\1\nreceive_override_options = no_header_body_checks\n")):
    globals()[name] = scenario(main=PATIENT + settings, ignore="message-id=<>|from=<>|<STAMP|message to")(characters)
    globals()[name].__name__ = name
