"""debconf's questions make a configuration, change it and lose nothing of it; an installation where Postfix has been before, or that was cut short."""
from packages.test_switch import BACK, POSTFIX, SETTINGS, configuration, send_through
from support import check, equal
from support.package_root import REPOSITORY, Machine, installing, layers

TOOLS = "swaks iproute2 procps debconf-utils ssl-cert"
# What an administrator has changed after the installation.
CHANGES = ("myhostname=mail.example.test", "mydestination=$myhostname, example.test", "mynetworks=127.0.0.0/8 192.0.2.0/24", "inet_protocols=ipv4",
           "recipient_delimiter=-+", "mailbox_size_limit=1000000", "mailbox_command=/usr/bin/maildrop", "inet_interfaces=127.0.0.1",
           "myorigin=example.test")


def fresh():
    """A machine that has had no mail system."""
    return Machine(*layers(installing(TOOLS))).prepared(Machine.offer)


def answer(mx, **answers):
    for name, value in answers.items():
        kind = {"main_mailer_type": "select", "procmail": "boolean"}.get(name, "string")
        mx.run(f"echo 'postfix postfix/{name} {kind} {value}' | debconf-set-selections")


def ask_again(mx, kind):
    answer(mx, main_mailer_type=kind)
    return mx.run("dpkg-reconfigure -f noninteractive postfix")


def values(mx, *parameters):
    return [mx.run(f"postconf -h {name}").strip() for name in parameters]


def test_answers_make_a_configuration_once():
    """A new installation with its questions answered beforehand; what the administrator changes afterwards stays, also at an upgrade."""
    with fresh() as mx:
        answer(mx, main_mailer_type="Internet Site", mailname="example.test", relayhost="[192.0.2.1]", mynetworks="")
        mx.apt("install relais")
        equal(mx.run("postconf -hx myorigin; cat /etc/mailname").split(), ["/etc/mailname", "example.test"], "the name")
        equal(values(mx, "inet_interfaces", "relayhost"), ["all", "[192.0.2.1]"], "as answered")
        equal(mx.run("postconf -n mynetworks"), "", "no answer: what the machine's networks are is not fixed")
        mx.wait("postfix status")
        mx.run("postconf -e inet_interfaces=loopback-only relayhost=; echo mail.example.test > /etc/mailname")
        before = configuration(mx)
        mx.apt("install --reinstall relais")
        equal(configuration(mx), before, "what was changed by hand")
        equal(mx.read("etc/mailname"), "mail.example.test\n", "/etc/mailname")


def test_asking_again_loses_nothing():
    with fresh() as mx:
        answer(mx, main_mailer_type="Internet Site", mailname="example.test")
        mx.apt("install relais")
        for change in CHANGES:
            mx.run(f"postconf -e '{change}'")
        mx.run("echo other.test > /etc/mailname")
        before = mx.run("postconf -n; cat /etc/mailname; cat /etc/aliases")
        ask_again(mx, "Internet Site")
        equal(mx.run("postconf -n; cat /etc/mailname; cat /etc/aliases"), before, "the same kind again")
        mx.run("postconf -X mynetworks")
        ask_again(mx, "Internet Site")
        equal(mx.run("postconf -n mynetworks"), "", "no networks of the administrator's")


def test_another_kind_of_mail_server():
    ways = ("inet_interfaces", "default_transport", "relay_transport", "relayhost")
    with fresh() as mx:
        answer(mx, main_mailer_type="Local only", mailname="example.test")
        mx.apt("install relais")
        equal(values(mx, *ways), ["loopback-only", "error", "error", ""], "local only")
        ask_again(mx, "Internet Site")
        equal(values(mx, *ways), ["all", "smtp", "relay", ""], "an Internet site")
        answer(mx, relayhost="[192.0.2.1]")
        ask_again(mx, "Internet with smarthost")
        equal(values(mx, *ways), ["all", "smtp", "relay", "[192.0.2.1]"], "with a smarthost")
        mx.run("postconf -e relayhost=[192.0.2.2] default_transport=uucp")
        ask_again(mx, "Satellite system")
        equal(values(mx, *ways), ["loopback-only", "uucp", "relay", "[192.0.2.2]"], "a satellite; what main.cf says of the rest stays")
        mx.run("postconf -e 'mailbox_command=procmail -a \"$EXTENSION\"'")
        ask_again(mx, "Internet Site")
        equal(values(mx, *ways, "mailbox_command"), ["all", "uucp", "relay", "", 'procmail -a "$EXTENSION"'], "an Internet site again")


def test_an_installation_cut_short_is_finished():
    """Killed while the answers are written, by the first of the commands that write them or by the last."""
    with fresh() as mx:
        mx.apt("install relais")
        for program in ("/usr/sbin/postconf", "/usr/bin/newaliases"):
            mx.run("apt-get -qy purge relais postfix; rm -f /etc/aliases*")
            answer(mx, main_mailer_type="Satellite system", mailname="example.test", relayhost="[192.0.2.1]")
            mx.run(f"dpkg --unpack /{REPOSITORY}/postfix_*.deb /{REPOSITORY}/relais_*.deb")
            mx.run(f"mv {program} {program}.real && printf '#!/bin/sh\\npkill -9 -x dpkg; kill -9 $PPID\\n' > {program} && chmod 755 {program}")
            equal(mx.attempt("dpkg --configure postfix").returncode, 137, "dpkg, killed with its script")
            check(not (mx.root / "etc/postfix/main.cf").exists(), f"half a configuration, killed by {program}")
            mx.run(f"mv {program}.real {program} && dpkg --configure -a")
            equal(values(mx, "relayhost", "inet_interfaces", "myorigin"), ["[192.0.2.1]", "loopback-only", "/etc/mailname"], "finished")
            check((mx.root / "etc/aliases.db").exists() and not (mx.root / "etc/postfix/main.cf.new").exists(), "and nothing is left over")
            mx.wait("postfix status")


def test_after_postfix_was_removed():
    """Its package has left its configuration, and its script as one that cannot be run."""
    with Machine(*layers(installing(POSTFIX))) as mx:
        mx.run(SETTINGS)
        mx.run("apt-get -qy remove postfix")
        check(mx.attempt("test -x /etc/init.d/postfix").returncode != 0, "the script that is left")
        mx.offer()
        mx.apt("install relais")
        mx.wait("postfix status")
        send_through(mx)
        pid = mx.read("var/spool/postfix/pid/master.pid").strip()
        mx.run("apt-get -qy remove relais postfix")
        mx.wait(f"! kill -0 {pid}")
        mx.apt(BACK)
        mx.wait("postfix status")


def script(mx, package, name, call):
    """What a script says, called as dpkg does."""
    return mx.run(f"DPKG_MAINTSCRIPT_NAME={name} DPKG_MAINTSCRIPT_PACKAGE={package} /var/lib/dpkg/info/{package}.{name} {call}")


def test_what_dpkg_takes_back():
    """The mail system that runs runs on, with any configuration; one that does not is started, and it is told where it cannot be."""
    with fresh() as mx:
        mx.apt("install relais")
        mx.wait("postfix status")
        pid = mx.read("var/spool/postfix/pid/master.pid")
        mx.run("echo 'smtp inet n' >> /etc/postfix/master.cf")
        for call in ("abort-upgrade 1:0.2", "abort-remove", "abort-deconfigure in-favour other 1"):
            check("not been started" not in script(mx, "postfix", "postinst", call), call)
            equal(mx.read("var/spool/postfix/pid/master.pid"), pid, call)
        mx.run(f"kill {pid}")
        mx.wait(f"! kill -0 {pid}")
        said = script(mx, "postfix", "postinst", "abort-remove")
        check("bad field count" in said and "has not been started" in said, said)
        mx.run("sed -i '$d' /etc/postfix/master.cf")
        script(mx, "postfix", "postinst", "abort-remove")
        mx.run("postfix status")


def test_a_table_type_that_stays():
    """Its removal is taken back, since what depends on it cannot be removed."""
    with fresh() as mx:
        mx.apt("install relais postfix-mysql")
        before = mx.read("etc/postfix/dynamicmaps.cf")
        check("mysql" in before, before)
        script(mx, "postfix-mysql", "prerm", "remove")
        check("mysql" not in mx.read("etc/postfix/dynamicmaps.cf"), "removed")
        script(mx, "postfix-mysql", "postinst", "abort-remove")
        equal(mx.read("etc/postfix/dynamicmaps.cf"), before, "and there again")


for test in (test_answers_make_a_configuration_once, test_asking_again_loses_nothing, test_another_kind_of_mail_server,
             test_an_installation_cut_short_is_finished, test_after_postfix_was_removed, test_what_dpkg_takes_back, test_a_table_type_that_stays):
    test.seconds = 300
