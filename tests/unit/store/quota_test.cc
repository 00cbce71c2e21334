// The rules of quotas, and maildirsize.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <utime.h>

#include "lib/base/file.h"
#include "lib/store/maildir_size.h"
#include "lib/store/quota_rules.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kKilo = 1024;

class Tree : public TemporaryDirectory {
  public:
    Tree() {
        for (const char* part : {"/new", "/cur", "/tmp", "/.A/new", "/.A/cur", "/.B.C/new"}) {
            fs::create_directories(path() + part);
        }
    }

    void put(const std::string& name, std::string_view text) const {
        std::ofstream(path() + "/" + name, std::ios::binary) << text;
    }

    CountedMailboxes only(std::vector<std::string> parts) const {
        for (std::string& part : parts) {
            part.insert(0, path());
        }
        return [parts] { return parts; };
    }

    CountedMailboxes all() const { return only({"", "/.A", "/.B.C"}); }

    std::string size_file() const { return read_file(path() + "/maildirsize").value_or(""); }
};

bool is_valid(const char* rule) {
    return QuotaRules::parse({rule}).has_value();
}

}  // namespace

TEST_CASE("store/quota: limits of all folders", "[unit]") {
    auto rules = QuotaRules::parse({"*:storage=1G:messages=10", "", " *:bytes=500 "});
    REQUIRE(rules);
    CHECK(rules->limit() == QuotaAmount{500, 10});
    CHECK(rules->limit_for("INBOX") == QuotaAmount{500, 10});
    CHECK(QuotaRules::parse({"*:storage=2"})->limit() == QuotaAmount{2 * kKilo, 0});
    CHECK(QuotaRules::parse({"*:storage=2b"})->limit() == QuotaAmount{2, 0});
    CHECK(QuotaRules::parse({"*:bytes=3M"})->limit() == QuotaAmount{3 * kKilo * kKilo, 0});
    CHECK(QuotaRules::parse({"*:bytes=0"})->unlimited());
    CHECK(QuotaRules::parse({})->unlimited());
    CHECK(QuotaRules::parse({"?:storage=5:messages=2", "*:storage=3"})->limit() ==
          QuotaAmount{3 * kKilo, 2});
}

TEST_CASE("store/quota: limits of one folder", "[unit]") {
    auto rules =
        QuotaRules::parse({"*:storage=100K:messages=50", "Trash:storage=+10K", "Sent:storage=120%",
                           "Lists/*:messages=-10:storage=+10%", "Spam:ignore", "Own:storage=7K"});
    REQUIRE(rules);
    CHECK(rules->limit_for("Trash") == QuotaAmount{110 * kKilo, 50});
    CHECK(rules->limit_for("Sent") == QuotaAmount{120 * kKilo, 50});
    CHECK(rules->limit_for("Lists/a/b") == QuotaAmount{110 * kKilo, 40});
    CHECK(rules->limit_for("Own") == QuotaAmount{7 * kKilo, 50});
    CHECK(rules->limit_for("Other") == QuotaAmount{100 * kKilo, 50});
    CHECK(rules->ignores("Spam"));
    CHECK_FALSE(rules->ignores("Spa"));
    // More than no limit is none.
    CHECK(QuotaRules::parse({"Trash:storage=+10K"})->limit_for("Trash") == QuotaAmount());
}

TEST_CASE("store/quota: what is no rule", "[unit]") {
    for (const char* rule : {"*", "x", "*:storage", "*:storage=", "*:storage=x", "*:storage=1X",
                             "*:foo=1", "*:storage=--1", "*:storage=99999999999999999999",
                             "*:storage=9999999T", "*:messages=1.5", "*:storage=2000%"}) {
        INFO(rule);
        CHECK_FALSE(is_valid(rule));
    }
    CHECK(is_valid("*:"));
    CHECK(is_valid("a*b*c:ignore"));
}

TEST_CASE("store/quota: the file is made, believed, and made anew", "[unit]") {
    Tree tree;
    tree.put("new/1.a,S=100,W=110", "x");  // what the name says counts
    tree.put("cur/2.b:2,S", "hello");
    tree.put(".A/cur/3.c:2,", "12");
    tree.put(".B.C/new/4.d", "1");
    const QuotaAmount limits{1000, 20};
    CHECK(maildir_usage(tree.path(), limits, tree.all()) == QuotaAmount{108, 4});
    CHECK(tree.size_file() == "1000S,20C\n108 4\n");
    note_maildir_change(tree.path(), {-5, -1});
    CHECK(tree.size_file() == "1000S,20C\n108 4\n-5 -1\n");
    CHECK(maildir_usage(tree.path(), limits, tree.all()) == QuotaAmount{103, 3});
    // Other limits, a folder that does not count
    CHECK(maildir_usage(tree.path(), {0, 20}, tree.only({"", "/.B.C"})) == QuotaAmount{106, 3});
    CHECK(tree.size_file() == "20C\n106 3\n");
    CHECK(maildir_usage(tree.path(), {0, 0}, tree.all()) == QuotaAmount{108, 4});
    CHECK(tree.size_file() == "0S\n108 4\n");
}

TEST_CASE("store/quota: a file that cannot be is not believed", "[unit]") {
    Tree tree;
    tree.put("new/1.a", "12345");
    for (const char* text : {"", "1000S\n1", "1000S\nx 1\n", "1000S\n1 1 1\n", "1000X\n1 1\n",
                             "1000S\n-1 0\n", "S\n1 1\n", "\n1 1\n", "1000S,\n1 1\n",
                             "1000S\n9223372036854775807 1\n9223372036854775807 1\n"}) {
        INFO(text);
        tree.put("maildirsize", text);
        CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{5, 1});
        CHECK(tree.size_file() == "1000S\n5 1\n");
    }
    tree.put("maildirsize", "1000S\n   7            2\n");  // maildrop's padding
    CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{7, 2});
    tree.put("maildirsize", "1000S\n7 2\n" + std::string(6000, '\n'));
    CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{5, 1});
}

TEST_CASE("store/quota: full is believed for a while, and only when it was counted", "[unit]") {
    Tree tree;
    tree.put("new/1.a", "12345");
    tree.put("maildirsize", "1000S\n2000 2\n");
    CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{2000, 2});
    tree.put("maildirsize", "1000S\n1000 2\n1000 1\n");
    CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{5, 1});
    tree.put("maildirsize", "1000S\n2000 2\n");
    utimbuf old{1000, 1000};
    ::utime((tree.path() + "/maildirsize").c_str(), &old);
    CHECK(maildir_usage(tree.path(), {1000, 0}, tree.all()) == QuotaAmount{5, 1});
}

TEST_CASE("store/quota: the root of a mailbox", "[unit]") {
    CHECK(maildir_root_of("/a/Maildir/") == "/a/Maildir");
    CHECK(maildir_root_of("/a/Maildir/.Sub.One/") == "/a/Maildir");
    CHECK(maildir_root_of("/a/..") == "/a/..");
    CHECK(maildir_root_of("Maildir") == "Maildir");
    CHECK_FALSE(keeps_maildir_size("/nonexistent"));
    note_maildir_change("/nonexistent", {1, 1});
}
