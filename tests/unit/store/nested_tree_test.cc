// Maildir with LAYOUT=fs, and lists and indexes below roots of their own (CONTROL=, INDEX=).
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>

#include <unistd.h>

#include "lib/store/mail_tree.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

class Scratch : public TemporaryDirectory {
  public:
    std::unique_ptr<MailTree> tree(std::string_view location, char separator = '/') const {
        return make_mail_tree(parse_mail_location(location, "bob", path()).value(), separator, "h");
    }

    void put(const std::string& name) const {
        fs::create_directories(fs::path(path(name)).parent_path());
        std::ofstream(path(name)) << "x";
    }
};

using Names = std::vector<std::string>;

// Whom permissions bind.
class AsNobody {
  public:
    AsNobody() { REQUIRE((::geteuid() != 0 || ::seteuid(65534) == 0)); }

    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;

    ~AsNobody() {
        if (::getuid() == 0) {
            CHECK(::seteuid(0) == 0);
        }
    }
};

constexpr std::string_view kNested = "maildir:~/m:LAYOUT=fs";

}  // namespace

TEST_CASE("store/nested: mailboxes are made, listed, renamed with what is below, removed") {
    Scratch scratch;
    auto tree = scratch.tree(kNested);
    REQUIRE(tree->prepare());
    REQUIRE(tree->create("a/b/c"));
    REQUIRE(tree->create("a"));
    CHECK(tree->list() == Names{"INBOX", "a", "a/b/c"});
    CHECK(fs::exists(scratch.path("m/a/b/c/cur")));
    CHECK_FALSE(fs::exists(scratch.path("m/a/maildirfolder")));
    CHECK(tree->create("a").error().sys_errno == EEXIST);
    CHECK_FALSE(tree->exists("a/b"));
    CHECK(tree->rename("a/b", "x/y"));
    CHECK(tree->list() == Names{"INBOX", "a", "x/y/c"});
    CHECK(tree->rename("x/y/c", "a").error().sys_errno == EEXIST);
    CHECK(tree->rename("a", "x").error().sys_errno == EEXIST);  // a directory, as in Dovecot
    CHECK(tree->rename("nothing", "q").error().sys_errno == ENOENT);
    CHECK(tree->rename("../m/a", "q").error().sys_errno == ENOENT);
    CHECK_FALSE(tree->rename("a", "../q"));
    CHECK_FALSE(tree->rename("a", "a/b"));
    REQUIRE(tree->create("x"));
    scratch.put("m/x/new/1.h");
    REQUIRE(tree->remove("x"));
    CHECK(tree->list() == Names{"INBOX", "a", "x/y/c"});
    CHECK(tree->remove("x").error().sys_errno == ENOENT);
    REQUIRE(tree->create("x"));
    CHECK(fs::is_empty(scratch.path("m/x/new")));
    REQUIRE(tree->remove("x"));
    REQUIRE(tree->remove("x/y/c"));
    CHECK_FALSE(fs::exists(scratch.path("m/x")));
    CHECK_FALSE(tree->remove("INBOX"));
    for (const auto& entry : fs::directory_iterator(scratch.path("m"))) {
        CHECK_FALSE(entry.path().filename().string().starts_with("..DOVECOT-TRASHED"));
    }
}

// The reasons are Dovecot 2.3.19's.
TEST_CASE("store/nested: names that would leave the tree, or are a part of a mailbox") {
    Scratch scratch;
    auto tree = scratch.tree(kNested);
    REQUIRE(tree->prepare());
    for (const char* part : {"cur", "new", "tmp", "a/cur", "cur/a"}) {
        CHECK(tree->invalid_because(part) == "Contains reserved name");
        CHECK_FALSE(tree->exists(part));
    }
    for (const char* up : {"..", "a/..", "a/../b"}) {
        CHECK(tree->invalid_because(up) == "Contains '..' part");
    }
    CHECK(tree->invalid_because("./a") == "Contains '.' part");
    CHECK(tree->invalid_because("a//b") == "Has adjacent hierarchy separators");
    CHECK(tree->invalid_because("/etc") == "Begins with hierarchy separator");
    CHECK(tree->invalid_because("~x") == "Begins with '~'");
    CHECK(tree->invalid_because("a/~x").empty());
    CHECK(tree->invalid_because(".hidden").empty());
    CHECK_FALSE(tree->invalid_because("b&").empty());
    CHECK_FALSE(tree->invalid_because("a&AAA-b").empty());  // a NUL
    CHECK_FALSE(tree->invalid_because("..DOVECOT-TRASHED").empty());
    CHECK_FALSE(tree->invalid_because("..DOVECOT-TRASHED.1").empty());
    CHECK_FALSE(tree->invalid_because(std::string(251, 'x')).empty());
    std::string deep = "d";
    for (int i = 1; i < 50; ++i) {
        deep += "/d";
    }
    REQUIRE(tree->create(deep));
    CHECK(tree->list() == Names{"INBOX", deep});
    CHECK_FALSE(tree->invalid_because(deep + "/d").empty());
    auto dotted = scratch.tree(kNested, '.');
    CHECK_FALSE(dotted->invalid_because("a/b").empty());
    CHECK(dotted->place_of("a.b").directory == scratch.path("m/a/b"));
}

TEST_CASE("store/nested: what stands on disk") {
    Scratch scratch;
    auto tree = scratch.tree(kNested);
    REQUIRE(tree->prepare());
    for (const char* name :
         {"x.y/cur", ".hidden/cur", "inbox/cur", "inbox/sub/cur", "INBOX/sub/cur", "b&z/cur",
          "caf\xc3\xa9/cur", "plain/deep/cur", "box/cur/inner/cur", "..DOVECOT-TRASHED/cur",
          "..DOVECOT-TRASHED.1/cur"}) {
        fs::create_directories(scratch.path("m/") + name);
    }
    fs::create_directory_symlink("plain", scratch.path("m/link"));
    fs::create_directory_symlink(".", scratch.path("m/plain/loop"));
    CHECK(tree->list() ==
          Names{"INBOX", ".hidden", "INBOX/sub", "box", "link/deep", "plain/deep", "x.y"});
    scratch.put("m/plain/deep/cur/1:2,");
    REQUIRE(tree->rename("link", "other"));
    REQUIRE(tree->create("other"));
    REQUIRE(tree->remove("other"));  // the link
    CHECK(fs::exists(scratch.path("m/plain/deep/cur/1:2,")));
    CHECK_FALSE(scratch.tree(kNested, '.')->exists("x.y"));
}

// Two processes at once: what another one is about to remove is not this one's.
TEST_CASE("store/tree: each removal has a place of its own for what goes") {
    Scratch scratch;
    for (std::string_view layout : {"", ":LAYOUT=fs"}) {
        const std::string root = layout.empty() ? "m" : "n";
        auto tree = scratch.tree("maildir:~/" + root + std::string(layout));
        REQUIRE(tree->prepare());
        for (const char* other : {"/..DOVECOT-TRASHED/cur/1", "/..DOVECOT-TRASHED.7/cur/1"}) {
            scratch.put(root + other);
        }
        scratch.put(root + "/..DOVECOT-TRASHED.old/cur/1");
        fs::last_write_time(scratch.path(root + "/..DOVECOT-TRASHED.old"),
                            fs::file_time_type::clock::now() - std::chrono::hours(25));
        REQUIRE(tree->create("a"));
        REQUIRE(tree->remove("a"));
        CHECK(fs::exists(scratch.path(root + "/..DOVECOT-TRASHED/cur/1")));
        CHECK(fs::exists(scratch.path(root + "/..DOVECOT-TRASHED.7/cur/1")));
        CHECK_FALSE(fs::exists(scratch.path(root + "/..DOVECOT-TRASHED.old")));
        CHECK(tree->list() == Names{"INBOX"});
    }
}

TEST_CASE("store/nested: a mailbox that cannot be removed is whole afterwards") {
    Scratch scratch;
    auto tree = scratch.tree(kNested);
    REQUIRE(tree->prepare());
    REQUIRE(tree->create("a"));
    scratch.put("m/a/cur/1:2,");
    fs::remove(scratch.path("m/a/tmp"));
    for (const char* open : {"", "m", "m/a", "m/a/cur"}) {
        fs::permissions(scratch.path(open), fs::perms(0777));
    }
    // Who may not write to a directory cannot move it to another one, and cur/ has gone before.
    fs::permissions(scratch.path("m/a/new"), fs::perms(0555));
    {
        AsNobody nobody;
        CHECK_FALSE(tree->remove("a"));
    }
    CHECK(fs::exists(scratch.path("m/a/cur/1:2,")));
    CHECK(fs::exists(scratch.path("m/a/dovecot-uidlist")));
    fs::permissions(scratch.path("m/a/new"), fs::perms(0755));
    REQUIRE(tree->remove("a"));  // without a tmp/
    CHECK_FALSE(fs::exists(scratch.path("m/a")));
    CHECK(tree->list() == Names{"INBOX"});
}

TEST_CASE("store/nested: links that multiply what is there have an end") {
    Scratch scratch;
    auto tree = scratch.tree(kNested);
    for (int i = 0; i < 40; ++i) {
        const std::string here = "m/d" + std::to_string(i);
        const std::string next = "../d" + std::to_string(i + 1);
        fs::create_directories(scratch.path(here));
        fs::create_directory_symlink(next, scratch.path(here + "/a"));
        fs::create_directory_symlink(next, scratch.path(here + "/b"));
    }
    CHECK(tree->list_readable() == Names{"INBOX"});
    auto all = tree->list();
    INFO((all ? std::to_string(all->size()) : all.error().message));
    CHECK((!all && all.error().code == Errc::kTooLarge));
}

TEST_CASE("store/nested: a directory that cannot be read hides mailboxes, which is told") {
    Scratch scratch;
    scratch.put("m/open/cur/1");
    scratch.put("m/shut/cur/1");
    scratch.put("b/open");
    scratch.put("b/shut/in");
    scratch.put("d/mailboxes/open/dbox-Mails/1");
    scratch.put("d/mailboxes/shut/dbox-Mails/1");
    scratch.put("p/.open/cur/1");

    struct Form {
        const char* location;
        const char* shut;  // a directory
        Names seen;
    };

    const std::vector<Form> forms = {{"maildir:~/m:LAYOUT=fs", "m/shut", {"INBOX", "open"}},
                                     {"mbox:~/b", "b/shut", {"INBOX", "open"}},
                                     {"sdbox:~/d", "d/mailboxes/shut", {"open"}},
                                     {"maildir:~/p", "p", {"INBOX"}}};
    fs::permissions(scratch.path(""), fs::perms(0755));
    for (const Form& form : forms) {
        // What cannot be read, and of which names alone can be read.
        for (auto mode : {fs::perms(0), fs::perms(0444)}) {
            INFO(form.location);
            auto tree = scratch.tree(form.location);
            REQUIRE(tree->list());
            fs::permissions(scratch.path(form.shut), mode);
            {
                AsNobody nobody;
                auto all = tree->list();
                CHECK((!all && all.error().sys_errno == EACCES));
                const bool root = form.shut == std::string_view("p") && mode == fs::perms(0);
                CHECK((root || tree->list_readable() == form.seen));
            }
            fs::permissions(scratch.path(form.shut), fs::perms(0755));
        }
    }
}

TEST_CASE("store/nested: the directories in which mailboxes of dbox may come and go") {
    Scratch scratch;
    for (const char* file : {"a/dbox-Mails/u.1", "a/b/dbox-Mails/u.1", "c/d/x", ".e/dbox-Mails/u.1",
                             "a/dbox-Mails/in/x"}) {
        scratch.put(std::string("d/mailboxes/") + file);
    }
    auto tree = scratch.tree("sdbox:~/d");
    Names found = tree->name_directories();
    std::ranges::sort(found);
    Names expected;
    for (const char* name : {"", "/a", "/a/b", "/c", "/c/d"}) {
        expected.push_back(scratch.path(std::string("d/mailboxes") + name));
    }
    CHECK(found == expected);
    CHECK(tree->list() == Names{"a", "a/b"});
}

TEST_CASE("store/nested: without its root a tree of Maildirs is an error, others are empty") {
    Scratch scratch;
    CHECK_FALSE(scratch.tree("maildir:~/no:LAYOUT=fs")->list());
    CHECK(scratch.tree("mbox:~/no")->list() == Names{"INBOX"});
    CHECK(scratch.tree("sdbox:~/no")->list() == Names{});
    scratch.put("file");
    CHECK_FALSE(scratch.tree("mbox:~/file")->list());
}

TEST_CASE("store/nested: names in UTF-8 (mail_location's UTF-8)") {
    Scratch scratch;
    for (std::string_view layout : {"", ":LAYOUT=fs"}) {
        auto tree = scratch.tree("maildir:~/u" + std::string(layout) + ":UTF-8");
        REQUIRE(tree->prepare());
        REQUIRE(tree->create("caf&AOk-"));
        CHECK(fs::exists(scratch.path(layout.empty() ? "u/.caf\xc3\xa9" : "u/caf\xc3\xa9")));
        CHECK(tree->list() == Names{"INBOX", "caf&AOk-"});
        CHECK(tree->exists("caf&AOk-"));
        REQUIRE(tree->remove("caf&AOk-"));
        // What would begin a line of its own in a file of lines: LF, DEL.
        for (const char* control : {"a&AAo-b", "x/a&AH8-", "&AAk-"}) {
            INFO(control);
            CHECK_FALSE(tree->invalid_because(control).empty());
            CHECK_FALSE(tree->exists(control));
            const std::string encoded = "maildir:~/e" + std::string(layout);
            CHECK(scratch.tree(encoded)->invalid_because(control).empty());
        }
        fs::create_directories(scratch.path(layout.empty() ? "u/.a\nb/cur" : "u/a\nb/cur"));
        CHECK(tree->list() == Names{"INBOX"});
    }
}

TEST_CASE("store/nested: INBOX= elsewhere") {
    Scratch scratch;
    for (std::string_view layout : {"", ":LAYOUT=fs"}) {
        auto tree = scratch.tree("maildir:~/m:INBOX=~/in" + std::string(layout));
        REQUIRE(tree->prepare());
        CHECK(fs::exists(scratch.path("in/cur")));
        CHECK_FALSE(fs::exists(scratch.path("m/cur")));
        CHECK(tree->place_of("INBOX").directory == scratch.path("in"));
        REQUIRE(tree->create("a"));
        CHECK(tree->list() == Names{"INBOX", "a"});
        REQUIRE(tree->remove("a"));
    }
}

// The paths are Dovecot 2.3.19's.
TEST_CASE("store/tree: lists and indexes go with their mailbox") {
    Scratch scratch;

    struct Form {
        const char* layout;
        const char* inbox;
        const char* folder;
    };

    for (const Form& form : {Form{"", ".INBOX", ".a.b"}, Form{":LAYOUT=fs", "INBOX", "a/b"}}) {
        auto tree = scratch.tree("maildir:~/m:CONTROL=~/c:INDEX=~/i" + std::string(form.layout));
        REQUIRE(tree->prepare());
        CHECK(tree->place_of("INBOX").control == scratch.path("c/") + form.inbox);
        CHECK(tree->place_of("INBOX").index == scratch.path("i/") + form.inbox);
        REQUIRE(tree->create("a/b"));
        CHECK(fs::exists(scratch.path("c/") + form.folder + "/dovecot-uidlist"));
        CHECK(fs::exists(scratch.path("c/dovecot-uidvalidity")));
        CHECK(fs::exists(scratch.path("i/") + form.folder));
        REQUIRE(tree->rename("a/b", "z"));
        CHECK(fs::exists(tree->place_of("z").control + "/dovecot-uidlist"));
        CHECK_FALSE(fs::exists(scratch.path("c/") + form.folder));
        scratch.put("m/" + tree->place_of("z").directory.substr(tree->root().size()) + "/cur/1:2,");
        REQUIRE(tree->remove("z"));
        CHECK_FALSE(fs::exists(tree->place_of("z").control));
        CHECK_FALSE(fs::exists(tree->place_of("z").index));
        CHECK(tree->list() == Names{"INBOX"});
    }
}

// Under two names, too.
TEST_CASE("store/tree: lists and indexes in one directory go with their mailbox") {
    Scratch scratch;
    fs::create_directories(scratch.path("c"));
    fs::create_directory_symlink("c", scratch.path("also-c"));
    for (std::string_view index : {"~/c", "~/c/", "~/also-c"}) {
        for (std::string_view layout : {"", ":LAYOUT=fs"}) {
            INFO(index << layout);
            auto tree = scratch.tree("maildir:~/m:CONTROL=~/c:INDEX=" + std::string(index) +
                                     std::string(layout));
            REQUIRE(tree->prepare());
            REQUIRE(tree->create("a"));
            REQUIRE(tree->rename("a", "z"));
            CHECK(fs::exists(tree->place_of("z").control + "/dovecot-uidlist"));
            REQUIRE(tree->remove("z"));
            CHECK_FALSE(fs::exists(tree->place_of("z").control));
        }
    }
}

// Here they are in the user's home, beside what is no mail.
TEST_CASE("store/tree: where lists and indexes are, other files stay") {
    Scratch scratch;
    auto tree = scratch.tree("maildir:~/m:CONTROL=~/:INDEX=~/i");
    REQUIRE(tree->prepare());
    for (const char* name : {".ssh/id", ".ssh/relais.d/x", "i/.ssh/notes"}) {
        scratch.put(name);
    }
    for (const char* stale : {".ssh/dovecot-keywords", "i/.ssh/relais.cache"}) {
        scratch.put(stale);
    }
    REQUIRE(tree->create("x"));
    scratch.put("i/.x/relais.keywords");
    scratch.put("i/.x/dovecot.index.log.2");
    scratch.put(".x/others/relais.index");
    REQUIRE(tree->rename("x", "ssh"));
    CHECK(fs::exists(scratch.path(".ssh/dovecot-uidlist")));
    CHECK_FALSE(fs::exists(scratch.path(".ssh/dovecot-keywords")));
    CHECK(fs::exists(scratch.path("i/.ssh/relais.keywords")));
    CHECK(fs::exists(scratch.path("i/.ssh/dovecot.index.log.2")));
    CHECK_FALSE(fs::exists(scratch.path("i/.ssh/relais.cache")));
    CHECK_FALSE(fs::exists(scratch.path("i/.x")));
    CHECK(fs::exists(scratch.path(".x/others/relais.index")));
    REQUIRE(tree->rename("ssh", "y"));
    CHECK(fs::exists(scratch.path(".y/dovecot-uidlist")));
    REQUIRE(tree->rename("y", "ssh"));
    REQUIRE(tree->remove("ssh"));
    CHECK_FALSE(fs::exists(scratch.path(".ssh/dovecot-uidlist")));
    for (const char* name : {".ssh/id", ".ssh/relais.d/x", "i/.ssh/notes"}) {
        INFO(name);
        CHECK(fs::exists(scratch.path(name)));
    }
}

TEST_CASE("store/nested: lists and indexes of what is below a mailbox are renamed with it") {
    Scratch scratch;
    auto tree = scratch.tree("maildir:~/m:LAYOUT=fs:CONTROL=~/c:INDEX=~/i");
    REQUIRE(tree->prepare());
    REQUIRE(tree->create("a/b/c"));
    REQUIRE(tree->create("a"));
    scratch.put("c/y/z/b/c/dovecot-keywords");
    REQUIRE(tree->rename("a", "y/z"));
    CHECK(fs::exists(scratch.path("c/y/z/dovecot-uidlist")));
    CHECK(fs::exists(scratch.path("c/y/z/b/c/dovecot-uidlist")));
    CHECK_FALSE(fs::exists(scratch.path("c/y/z/b/c/dovecot-keywords")));
    CHECK_FALSE(fs::exists(scratch.path("c/a")));
    CHECK_FALSE(fs::exists(scratch.path("i/a")));
    CHECK(fs::exists(scratch.path("c/dovecot-uidvalidity")));
}

TEST_CASE("store/tree: INDEX=MEMORY makes no directory") {
    Scratch scratch;
    auto memory = scratch.tree("maildir:~/m:INDEX=MEMORY");
    REQUIRE(memory->prepare());
    CHECK_FALSE(fs::exists(memory->place_of("INBOX").index_directory()));
}
