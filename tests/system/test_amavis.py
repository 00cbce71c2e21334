"""amavisd-new with SpamAssassin from Debian's packages: behind the queue (content_filter) and before it
(smtpd_proxy_filter), set up as its README does."""
import contextlib
import glob
import os
import pathlib
import pwd
import socket
import subprocess
import time

from support import Skip, check, oracle
from support.instance import Instance

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    oracle.tree("amavis")

BACK = """
smtp-amavis unix - - n - 2 smtp
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
    -o disable_dns_lookups=yes
    -o max_use=20
@ADDRESS@:10025 inet n - n - - smtpd
    -o syslog_name=postfix/back
    -o content_filter=
    -o smtpd_proxy_filter=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_data_restrictions=reject_unauth_pipelining
    -o smtpd_end_of_data_restrictions=
    -o mynetworks=127.0.0.0/8
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o local_header_rewriting_clients=
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
"""
SPAM = "Subject: offer\n\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n"
CONFIGURATION = """\
use strict;
$max_servers = 2;
$daemon_user = 'nobody'; $daemon_group = (getgrgid((getpwnam('nobody'))[3]))[0];
$MYHOME = '{home}'; $TEMPBASE = $MYHOME; $pid_file = "$MYHOME/pid"; $lock_file = "$MYHOME/lock";
$enable_db = 0; $enable_zmq = 0; $QUARANTINEDIR = undef;
$mydomain = 'example.test'; $myhostname = 'filter.example.test';
$inet_socket_bind = '{address}'; $inet_socket_port = 10024; @inet_acl = qw(127.0.0.0/8);
$forward_method = 'smtp:[{back}]:10025'; $notify_method = $forward_method;
@bypass_virus_checks_maps = (1); @av_scanners = (); @av_scanners_backup = (); @decoders = ();
$do_syslog = 0; $log_level = 2; $LOGFILE = "$MYHOME/log";
$sa_tag_level_deflt = -999; $sa_tag2_level_deflt = 5; $sa_kill_level_deflt = 8; $sa_local_tests_only = 1;
$sa_configpath = '{root}/usr/share/spamassassin'; $sa_siteconfigpath = '{root}/etc/spamassassin';
$final_spam_destiny = {spam}; $final_bad_header_destiny = D_PASS;
$enable_dkim_verification = 0; $enable_dkim_signing = 0;
@local_domains_maps = (1); @mynetworks = qw(127.0.0.0/8);
1;
"""


@contextlib.contextmanager
def amavis(mta, spam="D_REJECT"):
    """amavisd on NET.50:10024, which sends mail back to port 10025."""
    if os.geteuid() != 0:
        raise Skip("amavisd does not take a configuration that belongs to the user it runs as")
    root, home = oracle.tree("amavis"), mta.root / "amavis"
    if not all(each.stat().st_mode & 0o1 for each in root.parents):
        raise Skip(f"amavisd's user cannot read {root}")
    home.mkdir()
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    # It starts itself anew by its own name, so what it needs to know of its place stands in the script.
    libraries = [str(root / "usr/share/perl5"), *glob.glob(f"{root}/usr/lib/*/perl5/*")]
    script = (root / "usr/sbin/amavisd").read_text().replace("use strict;", f"use lib qw({' '.join(libraries)});\nuse strict;", 1)
    (mta.root / "amavisd").write_text(script)
    (mta.root / "amavisd").chmod(0o755)
    address = mta.room.address(50)
    (mta.root / "amavisd.conf").write_text(CONFIGURATION.format(
        home=home, root=root, address=address, back=mta.address, spam=spam))
    with open(mta.root / "amavis.out", "wb") as out:
        process = subprocess.Popen([mta.root / "amavisd", "-c", mta.root / "amavisd.conf", "foreground"], stdout=out, stderr=out,
                                   env={"PATH": f"{root}/usr/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": oracle.library_path(root)})
    try:
        wait_for(process, mta, address)
        yield home / "log"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(process, mta, address):
    end = time.monotonic() + 30
    while True:
        with socket.socket() as s:
            if s.connect_ex((address, 10024)) == 0:
                return
        if process.poll() is not None or time.monotonic() > end:
            raise Skip(f"amavisd does not start: {(mta.root / 'amavis.out').read_text()[-500:]}")
        time.sleep(0.1)


def received(mta, name, count=1):
    """Mail of a box, once so much is there."""
    end = time.monotonic() + 30
    while not (mta.vmail / name).exists() or len(mta.virtual(name)) < count:
        check(time.monotonic() < end, lambda: mta.log_text()[-3000:])
        time.sleep(0.1)
    return mta.virtual(name)


def test_behind_the_queue():
    mta = Instance("ours", main="content_filter = smtp-amavis:[@NET@.50]:10024\nheader_checks = regexp:@CONF@/rules\n",
                   master=BACK, files={"rules": "/^Subject: good/ WARN seen once\n"}).start()
    with amavis(mta) as log:
        mta.mail("carol@remote.test", "u1@virt.test", "Subject: good\nTo: u1@virt.test\nFrom: carol@remote.test\n\nhello\n", client=128)
        text = received(mta, "u1")[0].decode()
        check("X-Spam-Status:" in text and "Subject: good" in text, text)
        check(f"(client.remote.test [{mta.room.address(128)}])" in text, "the hop before the filter")
        mta.mail("u2@virt.test", "u1@virt.test", SPAM)
        mta.wait_log(r"status=bounced \(host .* said: 554 5\.7\.0 Reject, id=.* - spam")
        check("Undelivered" in received(mta, "u2")[0].decode(), "the sender is told")
        check(mta.room.address(128) in log.read_text(), "the filter has heard from which client the message came")
    check(mta.log_text().count("seen once") == 1, "no header checks behind the filter")
    check("orig_client=client.remote.test[" in mta.log_text(), "and tells it on")
    mta.check_sane()
    mta.stop()


def test_before_the_queue():
    for options in ("", "smtpd_proxy_options = speed_adjust\n"):
        mta = Instance("ours", main=f"smtpd_proxy_filter = @NET@.50:10024\n{options}", master=BACK).start()
        with amavis(mta):
            with mta.smtp() as s:
                good = s.mail("carol@remote.test", ["u1@virt.test", "u2@virt.test"], "Subject: good\n\n.\n..\nhello\n")
                check(good.code == "250" and "queued as" in str(good), str(good))
                bad = s.mail("carol@remote.test", "u1@virt.test", SPAM)
                check(str(bad).startswith("554 5.7.0 Reject, id="), str(bad))
                check(s.mail("carol@remote.test", "u1@virt.test", "Subject: again\n\nx\n").code == "250", "the session goes on")
            check(any("\n.\n..\nhello" in text.decode() for text in received(mta, "u1", 2)), "dots stay")
            received(mta, "u2")
        mta.wait_log(r"proxy-accept: END-OF-MESSAGE: 250 2\.0\.0 from MTA", count=2)
        mta.wait_log(r"proxy-reject: END-OF-MESSAGE: 554 5\.7\.0 Reject")
        mta.check_sane()
        mta.stop()
