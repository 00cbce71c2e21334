"""What postconf says of settings that are to go, that nothing uses, or that hold a comment: as
Postfix's DEPRECATION_README and its release notes from 3.8 to 3.11 give the words."""
import pathlib
import subprocess
import tempfile

from support import BUILD, check, equal, need_program
from support.instance import Instance

GUIDE = "See https://www.postfix.org/DEPRECATION_README.html for details"
# The table of DEPRECATION_README, without what only 3.12 has.
SUCCESSORS = {
    "authorized_verp_clients": "smtpd_authorized_verp_clients", "fallback_relay": "smtp_fallback_relay",
    "lmtp_per_record_deadline": "lmtp_per_request_deadline",
    "postscreen_blacklist_action": "postscreen_denylist_action", "postscreen_dnsbl_ttl": "postscreen_dnsbl_max_ttl",
    "postscreen_dnsbl_whitelist_threshold": "postscreen_dnsbl_allowlist_threshold",
    "postscreen_whitelist_interfaces": "postscreen_allowlist_interfaces",
    "smtpd_client_connection_limit_exceptions": "smtpd_client_event_limit_exceptions",
    "smtpd_per_record_deadline": "smtpd_per_request_deadline", "smtp_per_record_deadline": "smtp_per_request_deadline",
    "tlsproxy_client_level": "tlsproxy_client_security_level", "tlsproxy_client_policy": "tlsproxy_client_policy_maps",
    "virtual_maps": "virtual_alias_maps", "disable_dns_lookups": "smtp_dns_support_level",
    "lmtp_tls_enforce_peername": "lmtp_tls_security_level", "smtp_tls_enforce_peername": "smtp_tls_security_level",
    "tlsproxy_client_use_tls": "tlsproxy_client_security_level",
    "tlsproxy_client_enforce_tls": "tlsproxy_client_security_level",
    "lmtp_tls_per_site": "lmtp_tls_policy_maps", "smtp_tls_per_site": "smtp_tls_policy_maps",
    "tlsproxy_client_per_site": "tlsproxy_client_policy_maps",
    **{f"{who}_{what}_tls": f"{who}_tls_security_level"
       for who in ("lmtp", "smtp", "smtpd", "postscreen", "tlsproxy") for what in ("use", "enforce")}}
WITHOUT = {"smtp_cname_overrides_servername": "do not specify", "lmtp_cname_overrides_servername": "do not specify",
           "smtpd_tls_dh1024_param_file": "do not specify (leave at default)",
           "smtpd_tls_eecdh_grade": "do not specify (leave at default)"}


def said(name):
    remedy = WITHOUT.get(name) or f'specify "{SUCCESSORS[name]}"'
    return f'support for parameter "{name}" will be removed; instead, {remedy}'


def errors(main, master, *arguments):
    """The lines on standard error, the scratch directory taken out."""
    need_program("postconf")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("main.cf", main), ("master.cf", master)):
            (pathlib.Path(folder) / name).write_text(text)
        done = subprocess.run(["postconf", "-c", folder, *arguments], executable=BUILD / "bin/postconf", text=True,
                              capture_output=True)
    check(done.returncode == 0, str(done))
    lines = done.stderr.replace(folder + "/", "").splitlines()
    return [line.removeprefix("postconf: warning: ") for line in lines]


def test_every_deprecated_parameter():
    names = sorted([*SUCCESSORS, *WITHOUT])
    for name in names:
        equal(errors(f"{name} = x\n", "", "-n"), [f"main.cf: {said(name)}", GUIDE], name)
    equal(errors("".join(f"{name} = x\n" for name in names), "", "-n"),
          [*(f"main.cf: {said(name)}" for name in names), GUIDE], "all of them: sorted, one reference to the guide")


def test_where_they_are_looked_for():
    main = "disable_dns_lookups = no\nnosuch = 1\nsmtpd_use_tls = no\n"
    master = "foo unix - n n - 0 other\n -o alias_maps=foo\n -o smtp_enforce_tls=yes\n -o what=1\n"
    services = [f"master.cf: {said('smtp_enforce_tls')}", "master.cf: unused parameter: what=1", GUIDE]
    everything = [f"main.cf: {said('disable_dns_lookups')}", "main.cf: unused parameter: nosuch=1",
                  f"main.cf: {said('smtpd_use_tls')}", *services]
    for arguments in ([], ["-n"], ["-x"], ["-h", "mail_name"], ["-p"]):
        equal(errors(main, master, *arguments), everything, f"postconf {arguments}")
    for arguments in (["-M"], ["-F"], ["-P"], ["-Mf"]):
        equal(errors(main, master, *arguments), services, f"postconf {arguments}")
    for arguments in (["-q"], ["-qn"], ["-qM"], ["-F", "-q"], ["-qP"], ["-d"], ["-l"], ["-q", "-h", "mail_name"]):
        equal(errors(main, master, *arguments), [], f"postconf {arguments}")


def test_undefined_names_are_told_with_q():
    equal(errors("mail_name = $nosuch\n", "", "-qn"), ["main.cf: undefined parameter: nosuch"])


def test_comments_in_values():
    main = ("smtpd_client_restrictions = inline:{\n\t{\n\taaa0 = #aaa1\n\t} #aaa2\n }\n"
            "smtpd_helo_restrictions = pcre:{\n\t{\n\t/bbb0 #bbb1/\n\t} #bbb2\n }\n"
            "smtpd_sender_restrictions = regexp:{\n\t{\n\t/ccc0 #ccc1/\n\t} #ccc2\n }\n"
            "mynetworks = 127.0.0.0/8 #here, and there\nmydestination = a#b \"#c\"\nrelayhost = #d\n")
    equal(sorted(errors(main, "x unix - n n - 0 smtp -o { mydestination = a #more }\n", "-n")),
          sorted(f"{file}: #comment after other text is not allowed: {word} ..." for file, word in
                 [("main.cf", word) for word in ("#aaa1", "#aaa2", "#bbb2", "#ccc2", "#here", "#d")] +
                 [("master.cf", "#more")]))


def test_postfix_passes_them_on():
    """start, check, reload and status show what postconf has to say."""
    need_program("postfix")
    mta = Instance("ours", main="smtpd_use_tls = no\n")
    wanted = f"{mta.commands}/postconf: warning: {mta.conf}/main.cf: {said('smtpd_use_tls')}"
    for command in ("check", "status", "start", "reload", "status"):
        answer = mta.run("postfix", command)
        equal(answer.stderr.count(wanted), 1, f"postfix {command}: {answer}")
        equal(answer.stdout, "", f"postfix {command}")
    equal(mta.run("postfix", "stop").stderr.count(wanted), 0, "postfix stop")


def test_an_old_name_still_counts():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "master.cf").write_text("")
        (path / "main.cf").write_text("fallback_relay = [old.test]\nvirtual_maps = hash:/v\n"
                                      "authorized_verp_clients = 192.0.2.2\n")
        done = subprocess.run([BUILD / "bin/postconf", "-c", folder, "-qxh", "smtp_fallback_relay", "virtual_alias_maps",
                               "smtpd_authorized_verp_clients"], capture_output=True, text=True)
        equal((done.stdout.splitlines(), done.stderr), (["[old.test]", "hash:/v", "192.0.2.2"], ""))
