from support.compare import scenario
from support.instance import Instance
import pathlib
def probe():
    mta = Instance("postfix", main="remote_header_rewrite_domain = dom.inv\nlocal_header_rewrite_clients = static:all\nappend_dot_mydomain=yes\ncanonical_maps=inline:{joe@x.test=joseph@y.test}")
    mta.start()
    out=[]
    with mta.smtp(client=100) as s:
        s.command("EHLO x")
        for a in ("<a b@x.test>","<<a>@x.test>","a b@x.test","<a@b@c.test>","<a@>","<@b.test>","a","<a","a@b.test>","<a@b.test>c","Joe <a@b.test>","<(c)a@b.test>","<a@b.test>(c)",'<"a@b.test>','<"a b"c@x.test>',"<a..b@x.test>","<a@[1.2.3]>","<a\\ b@c.test>","<x:y@c.test>","<a;b@c.test>","<a,b@c.test>"):
            r=s.command("MAIL FROM:"+a)
            out.append(f"{a} -> {r}")
            s.command("RSET")
        for e in ("ENVID=a:b", "AUTH=<>","AUTH=x AUTH=y", "SIZE=1 SIZE=2"):
            r=s.command("MAIL FROM:<a@b.test> "+e)
            out.append(f"{e} -> {r}")
            s.command("RSET")
        hs = ["a@x.test,joe@x.test","joe@x.test , (c) b","Joe<joe@x.test>","Joe Bloggs <joe@x.test>","foo bar, joe@x.test","John Q. Public <joe@x.test>","team:joe@x.test,b;","team: joe@x.test, b;, c","undisclosed recipients:;, joe@x.test","joe(c)@x.test","joe@x.test (the man), b","=?utf-8?q?J=2E,_D?= <joe@x.test>","\"a b\" c <joe@x.test>","<@r1,@r2:joe@x.test>","<joe@x.test","joe@x.test>","a b@x.test, joe@x.test","<>, joe@x.test","joe@x.test;b@c","<joe@x.test> <b@x>","Hello, World! <joe@x.test>", "joe (c1) @ x.test (c2)","\"joe\"@x.test","a@b@c, joe@x.test","[foo] <joe@x.test>", "joe@x.test,,,b","  joe@x.test,\n  b,\n  cccccccccccccccccccccccccccccccccccccccccccccccc@x.test,\n dddddddddddddddd@x.test", "Joe\\, B <joe@x.test>","a.b. c <joe@x.test>","<joe . b@x.test>"]
        for i in range(0,len(hs)):
            s.command("MAIL FROM:<a@x.test>"); s.command("RCPT TO:<u1@virt.test>")
            s.data(f"X: {i:02}\nTo: {hs[i]}\n\nbody\n")
    import time; mta.settle(); 
    for m in sorted(mta.virtual("u1"), key=lambda m: m[m.index(b"X: "):]):
        m = m.decode("latin-1")
        i = int(m[m.index("X: ")+3:][:2])
        t = m[m.index("To: ", m.index("X: ")):].split("\n\n")[0].split("\nMessage-Id")[0].split("\nDate")[0]
        out.append(f"{hs[i]!r}\n    {t!r}")
    out.append(mta.log_text()[-100:])
    pathlib.Path("/tmp/zz.out").write_text("\n".join(out))
probe.is_test=True; probe.seconds=60
