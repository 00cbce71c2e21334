// The tree of mailboxes, and the message cache.
#include <filesystem>
#include <map>
#include <memory>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/dotted_maildir_tree.h"
#include "lib/store/message_cache.h"

#include "tests/support/catch.h"
#include "tests/support/naive.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("store/tree: mailboxes are made, listed, renamed with what is below, removed") {
    TemporaryDirectory scratch;
    DottedMaildirTree tree(scratch.path() + "/Maildir", '.', "host");
    REQUIRE(tree.prepare());
    REQUIRE(tree.create("Sent"));
    REQUIRE(tree.create("A.B"));
    CHECK(tree.list() == Names{"INBOX", "A.B", "Sent"});
    CHECK(fs::exists(tree.root() + "/.A.B/maildirfolder"));
    CHECK_FALSE(tree.exists("A"));
    CHECK(tree.has_children("A"));
    CHECK(tree.create("Sent").error().sys_errno == EEXIST);
    CHECK(tree.remove("A").error().sys_errno == ENOENT);
    REQUIRE(tree.create("A"));
    REQUIRE(tree.rename("A", "Z.Y"));
    CHECK(tree.list() == Names{"INBOX", "Sent", "Z.Y", "Z.Y.B"});
    // As Dovecot does: Z is no mailbox itself, so nothing takes Sent's place.
    REQUIRE(tree.rename("Z", "Sent"));
    CHECK(tree.list() == Names{"INBOX", "Sent", "Sent.Y", "Sent.Y.B"});
    CHECK(tree.rename("Sent.Y", "Sent").error().sys_errno == EEXIST);
    CHECK(tree.rename("nothing", "Q").error().sys_errno == ENOENT);
    REQUIRE(tree.rename("Sent.Y", "Q.Y"));
    REQUIRE(tree.remove("Q.Y"));
    CHECK(tree.list() == Names{"INBOX", "Q.Y.B", "Sent"});
    CHECK_FALSE(tree.remove("INBOX"));
    CHECK(tree.canonical("inBox") == "INBOX");
}

TEST_CASE("store/tree: names that would leave the tree are refused") {
    DottedMaildirTree tree("/nowhere", '.', "host");
    for (const char* bad : {"", "a/b", "../x", ".", "a..b", "a.", ".a", "a\n", "~a",
                            ".DOVECOT-TRASHED", "caf\xc3\xa9"}) {
        INFO(bad);
        CHECK_FALSE(tree.invalid_because(bad).empty());
    }
    CHECK(tree.invalid_because("Entw&APw-rfe.x y").empty());
    CHECK(tree.invalid_because("50%*2").empty());
    DottedMaildirTree slashed("/nowhere", '/', "host");
    CHECK(slashed.invalid_because("a/b").empty());
    CHECK_FALSE(slashed.invalid_because("a.b").empty());
    CHECK(slashed.place_of("a/b").directory == "/nowhere/.a.b");
}

// The names are those that Dovecot 2.3.19 lists for the same directories.
TEST_CASE("store/tree: what stands on disk has a name, opens, and has it once") {
    TemporaryDirectory scratch;
    DottedMaildirTree tree(scratch.path() + "/Maildir", '/', "host");
    REQUIRE(tree.prepare());
    for (const char* name : {".Sale 50%", ".a*b", ".Entw\xc3\xbcrfe", ".a&b", ".tab\there",
                             ".latin\xe9", ".inbox.Sub", ".inbox", "..DOVECOT-TRASHED", ".p.q"}) {
        fs::create_directories(tree.root() + "/" + name);
    }
    Names names = {"INBOX", "Entw&APw-rfe", "INBOX/Sub", "Sale 50%",
                   "a&-b",  "a*b",          "p/q",       "tab&AAk-here"};
    CHECK(tree.list() == names);
    for (const std::string& name : names) {
        INFO(name);
        CHECK(tree.exists(name));
        REQUIRE(tree.prepare(name));
    }
    CHECK(fs::exists(tree.root() + "/.Entw\xc3\xbcrfe/cur"));
    CHECK_FALSE(tree.exists("a&b"));
    CHECK_FALSE(tree.exists("/"));
    CHECK(tree.canonical("inbox/Sub") == "INBOX/Sub");
    CHECK(tree.canonical("inboxes") == "inboxes");
    // "q" and what is below it go to where only a parent's name is; a place that is taken stays so.
    REQUIRE(tree.create("p/q/r"));
    REQUIRE(tree.rename("p/q", "p"));
    CHECK(tree.exists("p"));
    CHECK(tree.exists("p/r"));
    CHECK_FALSE(tree.exists("p/q"));
    CHECK(tree.rename("p/r", "a*b").error().sys_errno == EEXIST);
    CHECK(tree.rename("p", std::string(251, 'x') + "/y").error().sys_errno == ENAMETOOLONG);
}

TEST_CASE("store/cache: blobs survive, torn files and other validities do not") {
    TemporaryDirectory scratch;
    {
        MessageCache cache(scratch.path(), 0600);
        cache.open(7);
        CHECK_FALSE(cache.find(1));
        cache.put(1, "one");
        cache.put(2, "two");
        CHECK(cache.find(1) == "one");
        cache.flush();
        CHECK(cache.find(2) == "two");
        cache.put(3, std::string(1000, 'x'));
        cache.put(1, "changed");
    }
    {
        MessageCache cache(scratch.path(), 0600);
        cache.open(7);
        CHECK(cache.find(1) == "changed");
        CHECK(cache.find(2) == "two");
        CHECK(cache.find(3) == std::string(1000, 'x'));
    }
    std::string path = scratch.path() + "/relais.cache";
    fs::resize_file(path, fs::file_size(path) - 5);
    {
        MessageCache cache(scratch.path(), 0600);
        cache.open(7);
        CHECK(cache.find(3) == std::string(1000, 'x'));
        CHECK(cache.find(1) == "one");
        cache.put(4, "four");
        cache.flush();
        CHECK(cache.find(4) == "four");
    }
    MessageCache other(scratch.path(), 0600);
    other.open(8);
    CHECK_FALSE(other.find(2));
    other.put(2, "new");
    other.flush();
    CHECK(other.find(2) == "new");
}

TEST_CASE("store/cache: what is about messages that are gone is dropped") {
    TemporaryDirectory scratch;
    MessageCache cache(scratch.path(), 0600);
    cache.open(7);
    for (std::uint32_t uid = 1; uid <= 100; ++uid) {
        cache.put(uid, std::string(50000, static_cast<char>('a' + uid % 26)));
    }
    std::vector<std::uint32_t> live = {3, 50};
    cache.compact(live);
    CHECK(fs::file_size(scratch.path() + "/relais.cache") < 200000);
    CHECK(cache.find(50) == std::string(50000, 'y'));
    CHECK_FALSE(cache.find(4));
}

TEST_CASE("store/cache: answers like a map, whatever happens to the file") {
    const bool harm = GENERATE(false, true);
    TemporaryDirectory scratch;
    naive::Random random(1);
    const std::string path = scratch.path() + "/relais.cache";
    std::map<std::uint32_t, std::string> model;
    auto cache = std::make_unique<MessageCache>(scratch.path(), 0600);
    cache->open(7);
    bool harmed = false;
    for (int step = 0; step < 3000; ++step) {
        std::uint32_t uid = 1 + random.below(40);
        switch (random.below(20)) {
            case 0:
                cache->flush();
                break;
            case 1:
                cache = std::make_unique<MessageCache>(scratch.path(), 0600);
                cache->open(7);
                break;
            case 2:
                if (harm && random.below(5) == 0 && fs::exists(path)) {
                    fs::resize_file(path, random.below(fs::file_size(path) + 1));
                    harmed = true;
                } else if (harm && random.below(5) == 0) {
                    fs::remove(path);
                    harmed = true;
                }
                break;
            case 3:
            case 4:
            case 5:
                model[uid] = random.text(random.below(65), "abc") +
                             std::string(random.below(30) == 0 ? 100000 : 0, 'x');
                cache->put(uid, model[uid]);
                break;
            default: {
                auto found = cache->find(uid);
                // What was lost may be missing, or be what it was before; nothing else.
                if (!harmed) {
                    CHECK(found == (model.contains(uid)
                                        ? std::optional<std::string_view>(model[uid])
                                        : std::nullopt));
                } else if (!found) {
                    model.erase(uid);
                } else {
                    CHECK(found->find_first_not_of("abcx") == std::string_view::npos);
                }
            }
        }
    }
}
