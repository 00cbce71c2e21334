// Rewriting and resolving: the answers of Postfix 3.7.11's trivial-rewrite to the same questions.
#include "lib/config/config.h"
#include "lib/maps/inline_task.h"
#include "lib/rules/address_resolver.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

void configure(std::string_view more) {
    std::string text =
        "compatibility_level = 3.6\nmyhostname = mx.example.test\nmydomain = example.test\n"
        "mydestination = mx.example.test, localhost\ninet_interfaces = loopback-only\n"
        "virtual_alias_domains = alias.test\nvirtual_mailbox_domains = mbox.test\n"
        "relay_domains = relay.test\nrecipient_delimiter = +\n";
    set_conf(Config::from_text(text + std::string(more)));
}

std::string resolve(std::string address, std::string sender = "",
                    ResolveFor purpose = ResolveFor::kDelivery) {
    ResolverLists lists;
    AddressResolver resolver(&lists, purpose);
    Resolved r = run_inline(resolver.resolve(std::move(sender), std::move(address)));
    return r.transport + " " + r.nexthop + " " + r.recipient + " " + std::to_string(r.flags);
}

struct Pair {
    const char* in;
    const char* out;
};

}  // namespace

TEST_CASE("maps/rewriter: addresses of our own mail") {
    configure("");
    AddressRewriter rewriter = AddressRewriter::local();
    const Pair pairs[] = {
        {"a", "a@mx.example.test"},
        {"a@b", "a@b"},
        {"a@b.c.", "a@b.c"},
        {"a@b..", "a@b.."},
        {"a@.", "a@."},
        {"@b,@c:d@e", "d@e"},
        {"b!c!d", "c!d@b"},
        {"b!c@d", "b!c@d"},
        {"a%b%c", "a%b@c"},
        {"a%b@c", "a%b@c"},
        {"\"a b\"@c", "\"a b\"@c"},
        {"\"a!b\"", "a!b@mx.example.test"},
        {"\"\"", "\"\""},
        {"@", "\"\""},
        {"a@b@c", "\"a@b\"@c"},
        {"a @ b . c", "a@b.c"},
        {"a(com)@b", "\"a (com)\"@b"},
        {"a@[1.2.3.4]", "a@[1.2.3.4]"},
        {"[1.2.3.4]", "\"[1.2.3.4]\"@mx.example.test"},
        {"@b:", "@b:\"\""},
    };
    for (const Pair& pair : pairs) {
        INFO(pair.in);
        CHECK(rewriter.rewrite(pair.in) == pair.out);
    }
    configure("append_dot_mydomain = yes\n");
    CHECK(AddressRewriter::local().rewrite("a@b") == "a@b.example.test");
    CHECK(AddressRewriter::remote().rewrite("a") == "a");
    CHECK(AddressRewriter::remote().rewrite("a@b") == "a@b");
    configure("remote_header_rewrite_domain = domain.invalid\nappend_dot_mydomain = yes\n");
    CHECK(AddressRewriter::remote().rewrite("a") == "a@domain.invalid");
    CHECK(AddressRewriter::remote().rewrite("a@b") == "a@b.domain.invalid");
}

TEST_CASE("maps/resolver: address classes") {
    configure("");
    const Pair pairs[] = {
        {"u@mx.example.test", "local mx.example.test u@mx.example.test 256"},
        {"U@MX.Example.Test.", "local mx.example.test U@MX.Example.Test 256"},
        {"u", "local mx.example.test u@mx.example.test 256"},
        {"", "local mx.example.test MAILER-DAEMON@mx.example.test 256"},
        {"u@alias.test", "error 5.1.1 User unknown in virtual alias table u@alias.test 512"},
        {"u@mbox.test", "virtual mbox.test u@mbox.test 1024"},
        {"u@relay.test", "relay relay.test u@relay.test 2048"},
        {"u@sub.relay.test", "relay sub.relay.test u@sub.relay.test 2048"},
        {"u@other.test", "smtp other.test u@other.test 4096"},
        {"u@other.test@mx.example.test", "smtp other.test u@other.test 4096"},
        {"u%other.test@mx.example.test", "smtp other.test u@other.test 4096"},
        {"u@mx.example.test@other.test", "smtp other.test u@mx.example.test@other.test 4098"},
        {"a@@b", "smtp b a@@b 4098"},
        {"u@x..y", "CHANNEL NOT UPDATED NEXTHOP NOT UPDATED u@x..y 4100"},
        {"u@[::1]", "CHANNEL NOT UPDATED NEXTHOP NOT UPDATED u@[::1] 4100"},
        {"u@1.2.3.4", "CHANNEL NOT UPDATED NEXTHOP NOT UPDATED u@1.2.3.4 4100"},
    };
    for (const Pair& pair : pairs) {
        INFO(pair.in);
        CHECK(resolve(pair.in) == pair.out);
    }
}

TEST_CASE("maps/resolver: transport tables, relay hosts, users that have moved") {
    configure(
        "transport_maps = inline:{{err.test=error:5.1.2 no}, e2.test=error:, nh.test=:[nh]:25, "
        "ch.test=chan:, colon.test=:, .dot.test=dots:below, fu@full.test=f2:x}\n"
        "relocated_maps = inline:{moved@mx.example.test=new@x}\nrelayhost = [rh.test]:587\n"
        "local_transport = local:$myhostname\n");
    const Pair pairs[] = {
        {"u@err.test", "error 5.1.2 no u@err.test 4096"},
        {"u@e2.test", "error Address is undeliverable u@e2.test 4096"},
        {"u@nh.test", "smtp [nh]:25 u@nh.test 4096"},
        {"u@ch.test", "chan ch.test u@ch.test 4096"},
        {"u@colon.test", "smtp [rh.test]:587 u@colon.test 4096"},
        {"u@a.dot.test", "dots below u@a.dot.test 4096"},
        {"u@dot.test", "smtp [rh.test]:587 u@dot.test 4096"},
        {"fu+x@full.test", "f2 x fu+x@full.test 4096"},
        {"moved+e@mx.example.test",
         "error 5.1.6 User has moved to new@x moved+e@mx.example.test 256"},
        {"-u@other.test", "smtp [rh.test]:587 -u@other.test 4100"},
    };
    for (const Pair& pair : pairs) {
        INFO(pair.in);
        CHECK(resolve(pair.in) == pair.out);
    }
    configure("transport_maps = fail:x\n");
    CHECK(resolve("u@other.test") == "smtp other.test u@other.test 4104");
    configure("transport_maps = inline:{*=star:y}\n");
    CHECK(resolve("u@other.test") == "star y u@other.test 4096");
}

TEST_CASE("maps/resolver: by sender, and for address verification") {
    configure(
        "sender_dependent_relayhost_maps = inline:{s@a.test=[rs]:1, <>=rnull, d@a.test=DUNNO}\n"
        "sender_dependent_default_transport_maps = inline:{@b.test=tb:nb}\nrelayhost = rh\n"
        "address_verify_relayhost = vrh\naddress_verify_default_transport = vdef:vn\n");
    CHECK(resolve("u@o.test", "s@a.test") == "smtp [rs]:1 u@o.test 4096");
    CHECK(resolve("u@relay.test", "s+e@a.test") == "relay [rs]:1 u@relay.test 2048");
    CHECK(resolve("u@o.test", "") == "smtp rnull u@o.test 4096");
    CHECK(resolve("u@o.test", "d@a.test") == "smtp rh u@o.test 4096");
    CHECK(resolve("u@o.test", "x@b.test") == "tb nb u@o.test 4096");
    CHECK(resolve("u@o.test", "q@z.test", ResolveFor::kVerification) == "vdef vn u@o.test 4096");
}
