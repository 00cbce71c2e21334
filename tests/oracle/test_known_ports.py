"""known_tcp_ports: names of ports that need no /etc/services."""
import concurrent.futures
import os
import shutil

from support.compare import scenario

CASES = ["", "smtp=25", " smtp = 25 , lmtp = 24 ", "foo", "smtp=", "=25", "=", "25=25", "25=smtp", "smtp=2x", "smtp=-1", "smtp=+1", "smtp=0",
         "smtp=99999", "smtp=99999999999999999999", "a=b=25", "a=b=", "=b=25", "a==25", "a b=25", "a=2 5", "smtp=25 lmtp=24", "smtp=25,,lmtp=24",
         ",smtp=25,", "smtp=25,smtp=26", "a=a=25", "A=25,a=26", "a=25, foo, =, b=26", "a=25, ,b=26", "a=25;b=26", "{a=25},{b=26}", "a=0x19",
         "a=025", "b=a, a=25", "a=\t25", "a\tb=25", "a=25,\tb", "  foo  ", "a = b c = 25", "a= =25", "smtp=$x", "é=25", "=x", "a b=x", " 25 =x",
         "a=a=x", "25=2 5", "=2 5", "a b=", "a=25=x", "a=25=c=3"]


@scenario(log=False)
def lists(mta):
    def one(case):
        number, value = case
        folder = mta.root / f"ports{number}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(mta.conf, folder)
        with open(folder / "main.cf", "a") as out:
            out.write(f"known_tcp_ports = {value}\n")
        os.utime(folder / "main.cf", (1e9, 1e9))
        done = mta.run("postmap", "-q", "k", "static:v", record=False, env={"MAIL_CONFIG": str(folder)})
        return value, str(done)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for value, text in pool.map(one, enumerate(CASES)):
            lines = [line for line in text.splitlines() if "overriding earlier" not in line]
            mta.note(f"[{value}]", "\n".join(lines))


# lmtp, relaytest and proxytest are in no /etc/services.
@scenario(main="known_tcp_ports = lmtp=24, relaytest=proxytest=2587\n"
               "transport_maps = inline:{{known.test=smtp:[@NET@.31]:proxytest}}\n",
          master="@ADDRESS@:lmtp inet n - n - - smtpd\n@ADDRESS@:relaytest inet n - n - - smtpd\n")
def names_in_use(mta):
    for port in (24, 2587):
        with mta.smtp(port) as s:
            s.talk("EHLO c.test", "QUIT")
    with mta.sink(31, 2587):
        mta.mail("carol@remote.test", ["u@known.test"])
        mta.settle()
    for name in ("relaytest", "nosuchport"):
        mta.run("postmap", "-q", "key", f"socketmap:inet:{mta.address.rsplit('.', 1)[0]}.33:{name}:table")
