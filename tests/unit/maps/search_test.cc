// Search orders: table sets, match lists, addresses, networks.
#include "lib/config/config.h"
#include "lib/maps/match_list.h"
#include "lib/maps/shared_tables.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

void configure(std::string_view more = "") {
    std::string text =
        "myhostname = mx.example.test\nmydestination = mx.example.test, localhost\n"
        "myorigin = origin.test\nrecipient_delimiter = +\ninet_interfaces = loopback-only\n";
    set_conf(Config::from_text(text + std::string(more)));
}

std::string found(const AddressLookup& tables, std::string_view address) {
    AddressMatch match = tables.find(address);
    if (match.lookup.is_error()) {
        return "error";
    }
    return match.lookup.is_found() ? match.lookup.value() + match.extension : "";
}

}  // namespace

TEST_CASE("maps/set: the first answer counts, and a failure is one") {
    configure();
    TableSet set("x_maps", "inline:{a=1}, inline:{a=2,b=3} fail:x");
    CHECK(set.find("a").value() == "1");
    CHECK(set.find("b").value() == "3");
    CHECK(set.find("c").is_error());
    CHECK(set.find("").is_missing());
    CHECK(set.find("c", KeyKind::kPartial).is_missing());
    CHECK(TableSet("x_maps", "").find("a").is_missing());
    CHECK(TableSet("x_maps", "static:{}").find("a").is_error());
    CHECK(TableSet("x_maps", "hash:/nonexistent/table").find("a").is_error());
    CHECK(TableSet("x_maps", "nonsense").find("a").is_error());
}

TEST_CASE("maps/address: the search order of address tables") {
    configure();
    LocalDomains local;
    TableSet full("t", "inline:{u+x@d.test=full,u@d.test=bare,@d.test=domain}");
    AddressLookup lookup(&full, &local);
    CHECK(found(lookup, "u+x@d.test") == "full");
    CHECK(found(lookup, "u+y@d.test") == "bare+y");
    CHECK(found(lookup, "U@D.Test") == "bare");
    CHECK(found(lookup, "v+y@d.test") == "domain");
    CHECK(found(lookup, "v@e.test").empty());

    TableSet users("t", "inline:{u+x=full,u=bare}");
    AddressLookup by_user(&users, &local);
    CHECK(found(by_user, "u+x@localhost") == "full");
    CHECK(found(by_user, "u+y@localhost") == "bare+y");
    CHECK(found(by_user, "u@origin.test") == "bare");
    CHECK(found(by_user, "u@[127.0.0.1]") == "bare");
    CHECK(found(by_user, "u@other.test").empty());
    CHECK(found(by_user, "u") == "bare");

    TableSet quoted("t", "inline:{\"a(b\"@d.test=external, c(d@d.test=internal}");
    AddressLookup both(&quoted, &local);
    CHECK(found(both, "a(b@d.test") == "external");
    CHECK(found(both, "c(d@d.test") == "internal");

    TableSet domains("t", "inline:{.test=parent,d.test=domain,u@=user}");
    AddressLookup access(&domains, &local,
                         find_form::kFull | find_form::kDomain | find_form::kDottedParents |
                             find_form::kLocalPartAt);
    CHECK(found(access, "x@d.test") == "domain");
    CHECK(found(access, "x@e.test") == "parent");
    CHECK(found(access, "u@d.test") == "user");
}

TEST_CASE("maps/list: domains and their sub-domains") {
    configure("parent_domain_matches_subdomains = plain\n");
    using Kind = MatchList::Kind;
    CHECK(parent_style("plain") == ParentStyle::kPlain);
    CHECK(parent_style("other") == ParentStyle::kDotted);
    MatchList dotted("x", "a.test, .b.test !c.test", Kind::kDomain);
    CHECK(dotted.matches("A.test") == Match::kYes);
    CHECK(dotted.matches("x.a.test") == Match::kNo);
    CHECK(dotted.matches("x.b.test") == Match::kYes);
    CHECK(dotted.matches("b.test") == Match::kNo);
    MatchList plain("x", "!no.a.test a.test", Kind::kDomain, ParentStyle::kPlain);
    CHECK(plain.matches("x.a.test") == Match::kYes);
    CHECK(plain.matches("xa.test") == Match::kNo);
    CHECK(plain.matches("x.no.a.test") == Match::kNo);
    MatchList table("x", "inline:{.a.test=1,b.test=}", Kind::kDomain);
    CHECK(table.matches("x.a.test") == Match::kYes);
    CHECK(table.matches("a.test") == Match::kNo);
    CHECK(table.matches("b.test") == Match::kYes);
    MatchList failing("x", "a.test fail:x", Kind::kDomain);
    CHECK(failing.matches("a.test") == Match::kYes);
    CHECK(failing.matches("b.test") == Match::kError);
    MatchList missing("x", "a.test /nonexistent/file", Kind::kString);
    CHECK(missing.matches("b.test") == Match::kError);
    MatchList string("x", "a.test", Kind::kString);
    CHECK(string.matches("x.a.test") == Match::kNo);
}

TEST_CASE("maps/list: networks") {
    configure();
    MatchList list("mynetworks",
                   "127.0.0.0/8 [::1]/128 10.1.2.3 [2001:db8::]/32 192.168.1.0/25 h.test",
                   MatchList::Kind::kNetwork);
    CHECK(list.matches("x", "127.9.9.9") == Match::kYes);
    CHECK(list.matches("x", "::1") == Match::kYes);
    CHECK(list.matches("x", "::2") == Match::kNo);
    CHECK(list.matches("x", "10.1.2.3") == Match::kYes);
    CHECK(list.matches("x", "10.1.2.33") == Match::kNo);
    CHECK(list.matches("x", "2001:db8:1::5") == Match::kYes);
    CHECK(list.matches("x", "192.168.1.127") == Match::kYes);
    CHECK(list.matches("x", "192.168.1.128") == Match::kNo);
    CHECK(list.matches("h.test", "9.9.9.9") == Match::kYes);
    MatchList wrong("mynetworks", "10.0.0.1/8", MatchList::Kind::kNetwork);
    CHECK(wrong.matches("x", "10.0.0.1") == Match::kError);
    CHECK(wrong.matches("x", "::1") == Match::kNo);
}

TEST_CASE("maps/network: errors are worded as Postfix does") {
    auto error = [](std::string_view text) {
        auto network = Network::parse(text);
        return network ? "" : network.error().message;
    };
    CHECK(error("10.0.0.1/8") ==
          "non-null host address bits in \"10.0.0.1/8\", perhaps you should use \"10.0.0.0/8\" "
          "instead");
    CHECK(error("10.0.0.0/33") == "bad mask length in \"10.0.0.0/33\"");
    CHECK(error("10.0.0.0/x") == "bad mask value in \"10.0.0.0/x\"");
    CHECK(error("10.0.0/8") == "bad network value in \"10.0.0/8\"");
    CHECK(error("[::1]/129") == "bad mask length in \"::1/129\"");
    CHECK(error("[::1") == "missing ']' character after \"[::1\"");
    CHECK(error("a@x") == "bad address pattern: \"a@x\"");
    CHECK(error("10.0.0.0/8").empty());
    CHECK(error("[::]/0").empty());
}

TEST_CASE("maps/shared: one table for each name") {
    configure();
    auto first = shared_table("inline:{a=b}", table_flag::kMail);
    auto second = shared_table("inline:{a=b}", table_flag::kMail);
    CHECK(first == second);
    CHECK_FALSE(changed_shared_table());
}
