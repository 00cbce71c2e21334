"""Settings of parameters that this release does not implement yet: one warning for each in the log,
per start and per reload, whoever would have read it and however many processes run."""
import re

from support import check, equal, need_program
from support.instance import Instance

# smtpd does not run at all with these set: mail would pass without the filter that was asked for.
REFUSED = {"smtpd_proxy_filter", "smtpd_upstream_proxy_protocol"}
# Each program's, by the beginning of the name; of each at most two of a kind are tried.
OWNERS = ("bounce", "cleanup", "default", "lmtp", "local", "milter", "non", "pipe", "postscreen", "qmgr",
          "qmqpd", "smtp_", "smtpd", "strict", "tls_", "tlsproxy", "virtual", "access", "unknown", "unverified")
WARNING = re.compile(r"warning: (\S.*): parameter (\w+) is not implemented yet: the setting has no effect")


def sample(mta):
    """{name: another value than the default, which no bound refuses}."""
    defaults = dict(line.split(" =", 1) for line in mta.must_run("postconf", "-d").stdout.splitlines())
    others = {"yes": "no", "no": "yes", "": "x"}
    chosen, count = {}, {}
    for name in mta.must_run("relais", "config", "unimplemented").stdout.split():
        value = others.get(defaults[name].strip())
        kind = (next((o for o in OWNERS if name.startswith(o)), "other"), value == "x")
        if name not in REFUSED and value is not None and count.get(kind, 0) < 2:
            count[kind] = count.get(kind, 0) + 1
            chosen[name] = value
    return chosen


def warned(mta):
    """{name: [(program, places)]} of the warnings in the log."""
    found = {}
    for line in mta.log():
        match = WARNING.search(line.text)
        if match:
            found.setdefault(match[2], []).append((line.daemon, match[1]))
    return found


def test_one_warning_for_each_setting_without_effect():
    for program in ("master", "smtpd", "cleanup", "qmgr", "local", "smtp", "relais", "postconf"):
        need_program(program)
    mta = Instance("ours")
    settings = sample(mta)
    if not settings:
        return  # everything is implemented
    same = next((n for n, v in settings.items() if v in ("yes", "no")), None)
    by_option = next((n for n in settings if n != same), same)
    del settings[by_option]
    text = "".join(f"{name} = {value}\n" for name, value in settings.items() if name != same)
    if same:
        text += f"{same} = {'no' if settings[same] == 'yes' else 'YES'}\n"
    mta.set_main(text)
    option = f"-o {{ {by_option} = {'yes' if by_option == same else 'x'} }}"
    master_cf = (mta.conf / "master.cf").read_text()
    (mta.conf / "master.cf").write_text(master_cf.replace(" smtpd\n", f" smtpd {option}\n").replace(
        " local\n", f" local {option}\n"))

    mta.start()
    for _ in range(2):
        mta.mail("carol@remote.test", ["alice@example.test", "u1@virt.test"])
    mta.settle()
    mta.wait_log(r"to=<alice@example.test>.*status=sent", 2)

    def once():
        found = warned(mta)
        expected = sorted(set(settings) - {same} | {by_option})
        equal(sorted(found), expected, "parameters that were warned about")
        equal({n: len(w) for n, w in found.items() if len(w) != 1}, {}, "those with other than one warning")
        equal({p for w in found.values() for p, _ in w}, {"master"}, "who logged")
        places = found[by_option][0][1]
        check(places.count("master.cf:") >= 1, f"where -o set it: {places}")
        check(all("main.cf:" in found[n][0][1] for n in expected if n != by_option), "file and line")
        listed = mta.run("relais", "config", "unimplemented", "--set").stdout
        equal(sorted({line.split(": ")[1].split(" = ")[0] for line in listed.splitlines()}), expected,
              "relais config unimplemented --set")

    once()
    mta.mark()
    mta.reload()
    mta.wait_log("master.*reload -- version")
    mta.mail("carol@remote.test", "alice@example.test")
    mta.settle()
    once()
    mta.stop()
