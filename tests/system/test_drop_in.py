"""main.cf.d and master.cf.d: read after main.cf and master.cf, known to every command, and checked
before a reload like them."""
from support import check, equal, need_suite
from support.instance import Instance

_shared = []


def system():
    """One running system with files in both directories; tests leave it as they found it."""
    if not _shared:
        need_suite()
        mta = Instance("ours", main="smtpd_banner = from main.cf\nmax_use = 20\n")
        for name in ("main.cf.d", "master.cf.d"):
            (mta.conf / name).mkdir()
        put(mta, "main.cf.d/20.cf", "smtpd_banner = from 20\nmax_idle = 50s\n")
        put(mta, "main.cf.d/10.cf", "smtpd_banner = from 10\nsyslog_name = mail\n")
        put(mta, "main.cf.d/ignored.conf", "smtpd_banner = from nowhere\n")
        put(mta, "main.cf.d/.hidden.cf", "smtpd_banner = from hiding\n")
        put(mta, "master.cf.d/more.cf", f"{mta.address}:2526 inet n - n - - smtpd\n    -o smtpd_banner=more\n"
            f"{mta.address}:5870 inet n - n - - smtpd\n    -o smtpd_banner=instead\n")
        _shared.append(mta.start())
    return _shared[0]


def put(mta, name, text):
    mta._write_old(name, text)


def greeting(mta, port):
    with mta.smtp(port) as session:
        return str(session.greeting).removeprefix("220 ")


def test_later_files_win():
    mta = system()
    equal(greeting(mta, 2525), "from 20", "the last file of the directory")
    equal(greeting(mta, 2526), "more", "a service of master.cf.d")
    equal(greeting(mta, 5870), "instead", "a service that master.cf.d replaces")
    mta.wait_log(r"mail/smtpd\[")


def test_postconf_shows_them():
    mta = system()
    shown = mta.must_run("postconf", "-n", "smtpd_banner", "max_idle", "max_use", "syslog_name").stdout
    equal(shown, "smtpd_banner = from 20\nmax_idle = 50s\nmax_use = 20\nsyslog_name = mail\n", "postconf -n")
    services = mta.must_run("postconf", "-Mf", f"{mta.address}:5870/inet").stdout
    equal(services.split()[8:], ["-o", "smtpd_banner=instead"], "the service that is in force")
    check("smtpd_banner=more" in mta.must_run("postconf", "-P", f"{mta.address}:2526/inet/smtpd_banner").stdout
          .replace(" = ", "="), "its settings")


def test_sources_are_named():
    mta = system()
    shown = mta.must_run("relais", "config", "sources", "smtpd_banner", "max_use", "max_idle").stdout.split("\n")
    master = mta.conf / "master.cf.d/more.cf"
    lines = (mta.conf / "main.cf").read_text().split("\n")
    equal(shown, [f"{mta.conf}/main.cf.d/20.cf:1: smtpd_banner = from 20",
                  f"{master}:3: {mta.address}:5870/inet/smtpd_banner = instead",
                  f"{master}:1: {mta.address}:2526/inet/smtpd_banner = more",
                  f"{mta.conf}/main.cf:{lines.index('max_use = 20') + 1}: max_use = 20",
                  f"{mta.conf}/main.cf.d/20.cf:2: max_idle = 50s", ""], "sources")
    every = mta.must_run("relais", "config", "sources").stdout
    check(f"{mta.conf}/main.cf.d/10.cf:2: syslog_name = mail\n" in every, every)


def test_an_edit_without_effect_is_remarked():
    mta = system()
    before = (mta.conf / "main.cf").read_text(), (mta.conf / "master.cf").read_text()
    edited = mta.must_run("postconf", "smtpd_banner=x", "max_use=20")
    equal(edited.stderr.count("warning"), 2, edited.stderr)
    for name in ("10.cf, line 1", "20.cf, line 1"):
        check(f'{mta.conf}/main.cf.d/{name}: "smtpd_banner" here overrides what main.cf says' in edited.stderr,
              edited.stderr)
    check("smtpd_banner = x\n" in (mta.conf / "main.cf").read_text(), "main.cf is edited all the same")
    edited = mta.must_run("postconf", "-Fe", f"{mta.address}:5870/inet/chroot=n")
    check(f"{mta.conf}/master.cf.d/more.cf, line 3: {mta.address}:5870/inet here overrides what master.cf says"
          in edited.stderr, edited.stderr)
    put(mta, "main.cf", before[0])
    put(mta, "master.cf", before[1])


def refuses(mta, name, text, *words):
    """A reload with this text added to a file: it is refused, and the words are in the message."""
    path = mta.conf / name
    before = path.read_text() if path.exists() else None
    put(mta, name, (before or "") + text)
    mta.mark()
    try:
        answer = mta.run("postfix", "reload")
        equal(answer.status, 1, f"{name} with {text!r}: {answer}")
        for word in ("reload refused", str(path), *words):
            check(word in answer.stderr, f"{word!r} is named: {answer.stderr}")
        check("master[" not in "".join(line for line in mta.log_text().split("\n") if "reload" in line),
              "master has not read it")
    finally:
        if before is None:
            path.unlink()
        else:
            put(mta, name, before)


def test_a_broken_reload_changes_nothing():
    mta = system()
    master_cf = (mta.conf / "master.cf").read_text()
    refuses(mta, "main.cf.d/20.cf", "max_use = many\n", "line 3", "max_use", "many")
    refuses(mta, "main.cf", "line_length_limit = 2\n", "line_length_limit", "2", "line ")
    refuses(mta, "main.cf", "soft_bounce = perhaps\n", "soft_bounce", "perhaps")
    refuses(mta, "main.cf", "x_destination_rate_delay = 5q\n", "x_destination_rate_delay", "5q")
    refuses(mta, "main.cf", "inet_interfaces = nosuch.invalid\n", "inet_interfaces", "nosuch.invalid")
    refuses(mta, "main.cf", "relayhost = ${x\n", "relayhost")
    refuses(mta, "master.cf.d/more.cf", "z unix - - n - - smtp -o max_idle=soon\n", "line 5", "service z", "max_idle", "soon")
    refuses(mta, "master.cf.d/new.cf", "w unix - - n\n", "line 1", "missing")
    refuses(mta, "master.cf", "v tcp n - n - - smtpd\n", f"line {len(master_cf.splitlines()) + 1}", "tcp")
    equal(greeting(mta, 2526), "more", "the old configuration is in force")


def test_a_line_that_is_none():
    mta = system()
    path = mta.conf / "main.cf.d/99.cf"
    path.write_text("# fine\nbroken line\n")
    try:
        answer = mta.run("postfix", "reload")
        equal(answer.status, 1, str(answer))
        check(f"{path}, line 2: missing '=' after attribute name" in answer.stderr, answer.stderr)
    finally:
        path.unlink()


def test_a_whole_reload_takes_effect():
    mta = system()
    before = (mta.conf / "main.cf.d/20.cf").read_text()
    put(mta, "main.cf.d/20.cf", "smtpd_banner = from another day\n")
    put(mta, "master.cf.d/zz.cf", f"{mta.address}:2527 inet n - n - - smtpd\n")
    mta.mark()
    mta.must_run("postfix", "reload")
    mta.wait_log("reload -- version")
    mta.settle()
    equal(greeting(mta, 2527), "from another day", "after the reload")
    (mta.conf / "master.cf.d/zz.cf").unlink()
    put(mta, "main.cf.d/20.cf", before)
    mta.must_run("postfix", "reload")
    mta.settle()
    equal(greeting(mta, 2525), "from 20", "as before")


def test_one_more_line_in_the_wrong_place_is_refused_by_signal_too():
    """kill -HUP goes past `postfix reload`: master looks for itself."""
    mta = system()
    put(mta, "main.cf.d/99.cf", "max_use = many\n")
    mta.mark()
    try:
        mta.reload()
        mta.wait_log(r"master\[\d+\]: error: reload refused, the old configuration stays: .*99.cf, line 1: max_use")
    finally:
        (mta.conf / "main.cf.d/99.cf").unlink()
