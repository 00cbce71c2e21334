// Namespaces: the parameter, and names of other users' mailboxes taken apart.
#include "lib/access/namespaces.h"

#include "lib/access/namespace_settings.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string owner(std::string_view prefix, std::string_view name) {
    auto shared = match_shared_prefix(prefix, name);
    return shared ? shared->owner + "|" + shared->rest : "";
}

}  // namespace

TEST_CASE("access/namespaces: whose a name is") {
    CHECK(owner("shared/%%u/", "shared/bob/a/b") == "bob|a/b");
    CHECK(owner("shared/%%u/", "shared/bob/") == "bob|");
    CHECK(owner("shared/%%u/", "shared/bob@x.test/a") == "bob@x.test|a");
    CHECK(owner("u.%%d.%%n.", "u.local.bob.a") == "bob@local|a");
    CHECK(owner("u.%%n.", "u.bob.a") == "bob|a");
    for (const char* name : {"shared/bob", "shared//a", "shared/../a", "shared/.x/a", "other/bob/a",
                             "shared/b\nb/a", "shared", "", "shared/b\x7f/a"}) {
        CHECK(owner("shared/%%u/", name).empty());
    }
    CHECK(owner("s.%%u.", "s../etc.a").empty());
    CHECK(owner("s.%%u.", "s.a/b.c").empty());
    CHECK(owner("s.%%u.", "s." + std::string(300, 'x') + ".c").empty());
    CHECK(owner("s.%%d.x.", "s.a.x.c").empty());
}

TEST_CASE("access/namespaces: the prefix of a user") {
    CHECK(shared_prefix_of("shared/%%u/", "bob@x") == "shared/bob@x/");
    CHECK(shared_prefix_of("s/%%d/%%n/", "bob@x") == "s/x/bob/");
    CHECK(shared_prefix_of("s/%%n/", "bob") == "s/bob/");
}

TEST_CASE("access/namespaces: the parameter") {
    auto none = parse_namespaces("", '.');
    REQUIRE(none);
    CHECK(none->size() == 1);
    CHECK(none->front().inbox);
    auto three = parse_namespaces(
        "{ prefix=INBOX. inbox=yes }, { type=public prefix=P. location=maildir:/m list=children "
        "},\n"
        "{ type=shared prefix=s.%%u. location=maildir:/v/%%u subscriptions=no hidden=yes }",
        '.');
    REQUIRE(three);
    REQUIRE(three->size() == 3);
    CHECK((*three)[1].listing == NamespaceSettings::Listing::kChildren);
    CHECK((*three)[2].fixed_prefix() == "s.");
    CHECK((*three)[2].hidden);
    for (const char* bad :
         {"{ prefix=A }", "{ type=odd prefix=A. }", "{ prefix=A. x=y }",
          "{ prefix=A. inbox=maybe }", "{ type=public prefix=P. }",
          "{ type=shared prefix=s. location=/v }", "{ type=shared prefix=%%u. location=/v }",
          "{ prefix=%%u. }", "prefix=A.", "{ prefix=A.",
          "{ prefix=A. inbox=yes }, { prefix=B. inbox=yes }", "{ prefix=A. }, { prefix=A. }",
          "{ prefix= }", "{ type=public prefix=P. location=/m inbox=yes }"}) {
        CHECK_FALSE(parse_namespaces(bad, '.'));
    }
}

TEST_CASE("access/namespaces: a user's name does not lead out of where the mail lies") {
    for (const char* user : {"../alice", "..", "..@x.test", "a/../../b"}) {
        CHECK_FALSE(mail_location_of("maildir:/srv/%n/m", user, "/home/x"));
    }
    CHECK_FALSE(mail_location_of("mbox:~/m:INBOX=/var/mail/%u", "../x", "/home/x"));
    auto written = mail_location_of("maildir:/srv/../%u/%h", "bob..", "/a/../b");
    REQUIRE(written);
    CHECK(written->root == "/srv/../bob..//a/../b");
}
