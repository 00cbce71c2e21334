// Access control lists and dictionaries in files.
#include "lib/store/acl.h"

#include "lib/store/dict_file.h"
#include "lib/store/wildcard.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string rights(std::string_view text, const AclSubject& who, std::string_view otherwise = "") {
    auto list = AclList::parse(text);
    REQUIRE(list);
    return list->rights_of(who, AclRights::of(otherwise)).letters();
}

}  // namespace

TEST_CASE("store/acl: letters") {
    CHECK(AclRights::parse("rl")->letters() == "lr");
    CHECK_FALSE(AclRights::parse("lz"));
    CHECK(AclRights::all().letters() == "lrwstipekxa");
    CHECK((AclRights::of("lrw") - AclRights::of("wk")) == AclRights::of("lr"));
    CHECK(AclRights::of("lr").has_one_of(AclRights::of("ra")));
    CHECK_FALSE(AclRights::of("lr").has(AclRights::of("ra")));
}

// What comes later among anyone, authenticated, group, owner, user, group-override replaces what
// was before; groups add up; what is denied goes last.
TEST_CASE("store/acl: who has which rights") {
    AclSubject bob{"bob", {"staff", "sales"}, false};
    AclSubject alice{"alice", {}, true};
    CHECK(rights("", bob, "lr") == "lr");
    CHECK(rights("user=alice a\n", bob, "lr") == "lr");
    CHECK(rights("anyone l\nuser=bob lr\n", bob) == "lr");
    CHECK(rights("user=bob r\nanyone lw\n", bob) == "r");
    CHECK(rights("group=staff l\ngroup=sales i\n", bob) == "li");
    CHECK(rights("group=staff l\nuser=bob r\ngroup-override=sales w\n", bob) == "w");
    CHECK(rights("owner lr\nanyone lrw\n", bob) == "lrw");
    CHECK(rights("owner lr\nanyone lrw\n", alice, "a") == "lr");
    CHECK(rights("-user=bob w\n", bob, "lrw") == "lr");
    CHECK(rights("user=bob lrw\n-anyone w\n", bob) == "lr");
    CHECK(rights("user=bob\n", bob, "lr") == "");
    CHECK(rights("user=bob :read insert custom\n", bob) == "ri");
}

TEST_CASE("store/acl: what makes no sense is an error") {
    for (const char* text :
         {"bob lr\n", "user=bob lrZ\n", "owner=x l\n", "\"user=bob l\n", "-bob l\n"}) {
        CHECK_FALSE(AclList::parse(text));
    }
    auto list = AclList::parse("# remark\n\nuser=bob lr\r\n");
    REQUIRE(list);
    CHECK(list->entries().size() == 1);
}

TEST_CASE("store/acl: written as it was read") {
    constexpr std::string_view kText =
        "authenticated l\ngroup=g lr\nowner lra :custom\n\"user=a b\\\"c\" lr\nuser=bob "
        "lr\n-user=bob w\n";
    auto list = AclList::parse(kText);
    REQUIRE(list);
    CHECK(list->to_string() == kText);
    list->set({AclIdentifier{AclIdentifier::Kind::kUser, "bob"}, {}, {}, {}, false});
    CHECK(list->find(AclIdentifier{AclIdentifier::Kind::kUser, "bob"}) == nullptr);
}

TEST_CASE("store/acl: the administrator's file counts more") {
    constexpr std::string_view kGlobal = "Public/* user=bob lr\n\"a b\" anyone l\nINBOX anyone x\n";
    auto here = AclList::parse_global(kGlobal, "Public/x/y");
    REQUIRE(here);
    REQUIRE(here->entries().size() == 1);
    CHECK(AclList::parse_global(kGlobal, "a b")->entries().size() == 1);
    CHECK(AclList::parse_global("Other user=bob Z\n", "INBOX"));
    CHECK_FALSE(AclList::parse_global("* user=bob Z\n", "INBOX"));
    auto list = AclList::parse("user=bob lrwa\n");
    REQUIRE(list);
    list->add_global(*here);
    CHECK(list->rights_of({"bob", {}, false}, {}).letters() == "lr");
    CHECK(list->to_string() == "user=bob lrwa\n");
}

TEST_CASE("store/wildcard: a star may stand for nothing") {
    CHECK(wildcard_matches("a*c", "ac"));
    CHECK(wildcard_matches("*b*", "abc"));
    CHECK_FALSE(wildcard_matches("a?c", "ac"));
    CHECK(wildcard_matches("", ""));
}

TEST_CASE("store/dict: keys and values of any bytes") {
    using namespace std::string_literals;
    DictFile dict;
    CHECK(dict.set("priv/1/a", "x\ty\nz\001\r\0e"s));
    CHECK_FALSE(dict.set("priv/1/a", "x\ty\nz\001\r\0e"s));
    CHECK(dict.set("shared/k", ""));
    CHECK(dict.to_string() == "priv/1/a\nx\001ty\001nz\0011\001r\0010e\nshared/k\n\n"s);
    DictFile again = DictFile::parse(dict.to_string());
    CHECK(again.entries() == dict.entries());
    CHECK(again.keys_below("priv/") == std::vector<std::string>{"priv/1/a"});
    CHECK(again.remove("shared/k"));
    CHECK_FALSE(again.remove("shared/k"));
    CHECK(DictFile::parse("a\nb\nc\n").entries().size() == 1);
    CHECK(DictFile::parse("a\nb\nc\nd").entries().size() == 1);
}
