// A Maildir under a Mailbox: UIDs, flags, expunges, additions, and the files that Dovecot shares.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/subscriptions.h"
#include "lib/store/uid_placement.h"
#include "lib/store/uid_validity.h"
#include "lib/store/uidlist.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

// What has been synced, as it was called then.
std::vector<std::string>& synced() {
    static std::vector<std::string> names;
    return names;
}

int sync_and_note(long call, int fd) {
    synced().push_back(fs::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename());
    return static_cast<int>(::syscall(call, fd));
}

}  // namespace

// In the place of libc's.
extern "C" int fsync(int fd) {
    return sync_and_note(SYS_fsync, fd);
}

extern "C" int fdatasync(int fd) {
    return sync_and_note(SYS_fdatasync, fd);
}

namespace {

class Scratch : public TemporaryDirectory {
  public:
    Scratch() {
        for (const char* part : {"cur", "new", "tmp"}) {
            fs::create_directory(path() + "/" + part);
        }
    }

    const std::string& root() const { return path(); }

    void put(const std::string& relative, const std::string& text = "Subject: x\n\ny\n") const {
        std::ofstream(path() + "/" + relative) << text;
    }

    std::string get(const std::string& relative) const {
        return read_file(path() + "/" + relative).value_or("(none)");
    }

    std::vector<std::string> names(const std::string& folder) const {
        return list_directory(path() + "/" + folder).value();
    }

    MailboxPlace place() const { return {path(), path(), "host", 0600}; }
};

template <class T>
T run(Task<T> task) {
    return Loop::current().run_task(std::move(task));
}

void sync(Mailbox& box, MailboxAccess access = MailboxAccess::kReadWrite) {
    auto done = run(box.sync(access));
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
}

std::vector<std::uint32_t> uids_of(Mailbox& box) {
    return *box.uids();
}

using Uids = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("store/name: flags, keywords, sizes, foreign letters") {
    CHECK(parse_maildir_flags("1.x:2,FSac") ==
          MessageFlags{MessageFlags::kFlagged | MessageFlags::kSeen, 5});
    CHECK(with_maildir_flags("1.x", {MessageFlags::kSeen, 1}) == "1.x:2,Sa");
    CHECK(with_maildir_flags("1.x:2,PTb,extra", {MessageFlags::kDraft, 0}) == "1.x:2,DP,extra");
    CHECK(with_maildir_flags("1.x:2,S", {}) == "1.x:2,");
    CHECK(maildir_base("1.x,S=3:2,S") == "1.x,S=3");
    CHECK(maildir_size("1.x,S=30,W=33", 'S') == 30);
    CHECK(maildir_size("1.x,S=30,W=33", 'W') == 33);
    CHECK_FALSE(maildir_size("1.x,S=3x", 'S'));
    CHECK(maildir_name_before("999999999.x", "1000000000.a"));
    CHECK(make_maildir_base("h") != make_maildir_base("h"));
}

TEST_CASE("store/uidlist: what Dovecot wrote comes back byte for byte") {
    Scratch scratch;
    std::string text =
        "3 V1795259730 N9 G80be302c527d016b4b3d000083ecc375 P%08Xu\n"
        "1 :1000000000.V1I2M3.host\n"
        "3 G1000000001.V1 W20 :1795259730.M747195P15691.vm,S=17\n";
    scratch.put("dovecot-uidlist", text);
    auto list = UidList::load(scratch.root());
    REQUIRE(list);
    CHECK_FALSE(list->damaged);
    CHECK(list->uid_validity == 1795259730);
    CHECK(list->next_uid == 9);
    CHECK(list->entries[1].extensions == "G1000000001.V1 W20");
    CHECK(list->entries[1].base == "1795259730.M747195P15691.vm,S=17");
    REQUIRE(list->rewrite(scratch.root(), 0600));
    CHECK(scratch.get("dovecot-uidlist") == text);
    list->add("2.b");
    REQUIRE(list->append(scratch.root(), 1));
    CHECK(scratch.get("dovecot-uidlist") == text + "9 :2.b\n");
}

TEST_CASE("store/uidlist: the keys of entries") {
    Scratch scratch;
    scratch.put("dovecot-uidlist",
                "3 V1795259730 N9 Pformat\n1 :1.b P2 :x\n2 P :2.b\n3 W20 Pa:b O7 :3.b\n5 G1");
    auto found = UidList::load_extended(scratch.root());
    REQUIRE(found);
    REQUIRE(found->size() == 2);
    CHECK(found->at(0).uid == 2);
    CHECK(uidlist_extension(found->at(0).extensions, 'P') == "");
    CHECK(found->at(1).uid == 3);
    CHECK(uidlist_extension(found->at(1).extensions, 'P') == "a:b");
    CHECK(uidlist_extension(found->at(1).extensions, 'O') == "7");
    CHECK_FALSE(uidlist_extension(found->at(1).extensions, 'G'));
    CHECK(with_uidlist_extension("W20 Pa O7", 'P', "new") == "W20 O7 Pnew");
    CHECK(with_uidlist_extension("", 'W', "3") == "W3");
    scratch.put("dovecot-uidlist", "1 1795259730 9\n1 P2 :1.b\n");
    CHECK(UidList::load_extended(scratch.root())->empty());
    fs::remove(scratch.root() + "/dovecot-uidlist");
    CHECK(UidList::load_extended(scratch.root())->empty());
}

TEST_CASE("store/mailbox: entries of the list get keys, and nothing else changes") {
    Scratch scratch;
    scratch.put("dovecot-uidlist", "3 V7 N9 Gx\n1 :1.a\n2 W3 Ukept :2.b\n4 :gone\n");
    scratch.put("cur/1.a:2,S");
    scratch.put("cur/2.b:2,");
    MaildirMailbox box(scratch.place());
    sync(box);
    REQUIRE(run(box.set_extensions('W', {{1, "18"}, {2, "19"}, {3, "20"}})));
    CHECK(scratch.get("dovecot-uidlist") == "3 V7 N9 Gx\n1 W18 :1.a\n2 Ukept W19 :2.b\n4 :gone\n");
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2});
    CHECK(box.next_uid() == 9);
    // Another mailbox has come in its place.
    scratch.put("dovecot-uidlist", "3 V8 N2 Gy\n1 :1.a\n");
    CHECK_FALSE(run(box.set_extensions('W', {{1, "18"}})));
    CHECK(scratch.get("dovecot-uidlist") == "3 V8 N2 Gy\n1 :1.a\n");
}

TEST_CASE("store/uidlist: Courier's form, torn lines, nonsense") {
    Scratch scratch;
    scratch.put("dovecot-uidlist", "1 1234 5\n1 a.b\n4 c.d:2,S\n");
    auto courier = UidList::load(scratch.root());
    CHECK(courier->entries.size() == 2);
    CHECK(courier->entries[1].base == "c.d");
    CHECK(courier->damaged);
    scratch.put("dovecot-uidlist", "3 V5 N3 Gx\n1 :a\n2 :b\n2 :c\n9 :torn");
    auto torn = UidList::load(scratch.root());
    CHECK(torn->entries.size() == 2);
    CHECK(torn->damaged);
    CHECK(torn->next_uid == 3);
    scratch.put("dovecot-uidlist", "hello\n");
    CHECK(UidList::load(scratch.root())->uid_validity == 0);
}

TEST_CASE("store/subscriptions: both forms are kept") {
    Scratch scratch;
    scratch.put("subscriptions", "V\t2\n\nA\tB\nSent\n");
    auto list = Subscriptions::load(scratch.root() + "/subscriptions", {'.'});
    REQUIRE(list);
    CHECK(list->names() == std::vector<std::string>{"A.B", "Sent"});
    CHECK(list->add("X.Y"));
    CHECK_FALSE(list->add("Sent"));
    CHECK(list->remove("A.B"));
    REQUIRE(list->save(scratch.root() + "/subscriptions", 0600));
    CHECK(scratch.get("subscriptions") == "V\t2\n\nSent\nX\tY\n");
    scratch.put("subscriptions", "A.B\nSent\n");
    auto old = Subscriptions::load(scratch.root() + "/subscriptions", {'.'});
    old->add("Z");
    REQUIRE(old->save(scratch.root() + "/subscriptions", 0600));
    CHECK(scratch.get("subscriptions") == "A.B\nSent\nZ\n");
}

TEST_CASE("store/subscriptions: names as on disk, and lines that name nothing") {
    Scratch scratch;
    scratch.put("subscriptions", "A.B\r\ninbox.Sub\nEntw\xc3\xbcrfe\n\xe9\nSent");
    auto list = Subscriptions::load(scratch.root() + "/subscriptions", {'/'});
    REQUIRE(list);
    CHECK(list->names() == std::vector<std::string>{"A/B", "INBOX/Sub", "Entw&APw-rfe", "Sent"});
    CHECK_FALSE(list->add("A/B"));
    CHECK(list->add("X/Y"));
    CHECK(list->remove("INBOX/Sub"));
    REQUIRE(list->save(scratch.root() + "/subscriptions", 0600));
    CHECK(scratch.get("subscriptions") == "A.B\nEntw\xc3\xbcrfe\n\xe9\nSent\nX.Y\n");
}

TEST_CASE("store/uidvalidity: every value is given out once") {
    Scratch scratch;
    auto first = next_uid_validity(scratch.root(), 0600);
    auto second = next_uid_validity(scratch.root(), 0600);
    REQUIRE(second);
    CHECK(*second == *first + 1);
    fs::remove(scratch.root() + "/dovecot-uidvalidity");
    CHECK(next_uid_validity(scratch.root(), 0600) == *first + 2);
    scratch.put("dovecot-uidvalidity", "00000001");
    CHECK(next_uid_validity(scratch.root(), 0600) == *first + 3);
}

TEST_CASE("store/mailbox: new files get UIDs in the order of their names") {
    Scratch scratch;
    scratch.put("new/1000000002.b.h");
    scratch.put("new/999999999.c.h");
    scratch.put("cur/1000000001.a.h:2,S");
    MaildirMailbox box(scratch.place());
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2, 3});
    CHECK(box.path_of(box.messages()[0]) == scratch.root() + "/cur/999999999.c.h:2,");
    CHECK(box.path_of(box.messages()[1]) == scratch.root() + "/cur/1000000001.a.h:2,S");
    CHECK(scratch.names("new").empty());
    CHECK(box.claim_recent() == 1);
    CHECK(box.claim_recent() == 4);
    std::string list = scratch.get("dovecot-uidlist");
    CHECK(list.find("\n1 :999999999.c.h\n2 :1000000001.a.h\n3 :1000000002.b.h\n") != list.npos);

    MaildirMailbox again(scratch.place());
    sync(again);
    CHECK(again.uid_validity() == box.uid_validity());
    CHECK(uids_of(again) == Uids{1, 2, 3});
}

TEST_CASE("store/mailbox: read-only sessions move nothing") {
    Scratch scratch;
    scratch.put("new/1.a");
    MaildirMailbox box(scratch.place());
    sync(box, MailboxAccess::kReadOnly);
    CHECK(uids_of(box) == Uids{1});
    CHECK(scratch.names("new").size() == 1);
    CHECK(box.first_recent() == 1);
    sync(box);
    CHECK(scratch.names("new").empty());
    CHECK(uids_of(box) == Uids{1});
}

TEST_CASE("store/mailbox: later mail, foreign expunges and foreign flags are noticed") {
    Scratch scratch;
    for (int i = 1; i <= 4; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    MaildirMailbox box(scratch.place());
    sync(box);
    auto before = box.uids();
    std::uint64_t change = box.last_change();
    scratch.put("new/9.z");
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2, 3, 4, 5});
    fs::rename(scratch.root() + "/cur/2.a:2,", scratch.root() + "/cur/2.a:2,FS");
    fs::remove(scratch.root() + "/cur/3.a:2,");
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2, 4, 5});
    CHECK(box.find(2)->flags() == parse_maildir_flags("2.a:2,FS"));
    CHECK(box.find(2)->change > change);
    CHECK(box.find(1)->change <= change);
    CHECK(*before == Uids{1, 2, 3, 4});
}

TEST_CASE("store/mailbox: flags are renames, also of files that somebody else has renamed") {
    Scratch scratch;
    scratch.put("new/1.a");
    scratch.put("new/2.a");
    MaildirMailbox box(scratch.place());
    sync(box);
    REQUIRE(run(box.change_flags({1, 2}, FlagChange::kAdd, MessageFlags::kSeen)));
    CHECK(scratch.names("cur") == std::vector<std::string>{"1.a:2,S", "2.a:2,S"});
    fs::rename(scratch.root() + "/cur/1.a:2,S", scratch.root() + "/cur/1.a:2,RS");
    REQUIRE(run(box.change_flags({1}, FlagChange::kAdd, MessageFlags::kFlagged)));
    CHECK(scratch.names("cur") == std::vector<std::string>{"1.a:2,FRS", "2.a:2,S"});
    REQUIRE(run(box.change_flags({1, 2, 77}, FlagChange::kRemove, MessageFlags::kSeen)));
    REQUIRE(run(box.change_flags({2}, FlagChange::kReplace, MessageFlags::kDraft)));
    CHECK(scratch.names("cur") == std::vector<std::string>{"1.a:2,FR", "2.a:2,D"});
}

TEST_CASE("store/mailbox: keywords get letters, and letters names") {
    Scratch scratch;
    scratch.put("cur/1.a:2,c");
    scratch.put("dovecot-keywords", "0 $Junk\n");
    MaildirMailbox box(scratch.place());
    sync(box);
    CHECK(scratch.get("dovecot-keywords") == "0 $Junk\n2 unknown-2\n");
    REQUIRE(run(box.change_flags({1}, FlagChange::kReplace, 0, {"$junk", "Work"})));
    CHECK(scratch.get("dovecot-keywords") == "0 $Junk\n1 Work\n2 unknown-2\n");
    CHECK(scratch.names("cur") == std::vector<std::string>{"1.a:2,ab"});
    for (int i = 0; i < 40; ++i) {
        REQUIRE(run(box.change_flags({1}, FlagChange::kRemove, 0, {"k" + std::to_string(i)})));
    }
    CHECK(box.keywords().full());
    REQUIRE(run(box.change_flags({1}, FlagChange::kAdd, 0, {"one-more"})));
    CHECK(scratch.names("cur") == std::vector<std::string>{"1.a:2,ab"});
}

TEST_CASE("store/mailbox: expunged messages leave, and the list shrinks in time") {
    Scratch scratch;
    for (int i = 1; i <= 8; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    MaildirMailbox box(scratch.place());
    sync(box);
    auto gone = run(box.expunge({2, 99}));
    REQUIRE(gone);
    CHECK(*gone == Uids{2});
    CHECK(scratch.get("dovecot-uidlist").find("\n2 :") != std::string::npos);
    REQUIRE(run(box.expunge({7, 8})));
    std::string list = scratch.get("dovecot-uidlist");
    CHECK(list.find("\n2 :") == std::string::npos);
    CHECK(list.find(" N9 ") != std::string::npos);
    scratch.put("new/9.a");
    sync(box);
    CHECK(uids_of(box) == Uids{1, 3, 4, 5, 6, 9});
}

TEST_CASE("store/mailbox: added messages get the next UIDs, all or none") {
    Scratch scratch;
    scratch.put("new/1.a");
    MaildirMailbox box(scratch.place());
    sync(box);
    scratch.put("tmp/x");
    NewMessage appended{
        scratch.root() + "/tmp/x", "5.x,S=14,W=17", {MessageFlags::kSeen, 0}, "", false};
    NewMessage copied{scratch.root() + "/cur/1.a:2,", "6.y", {}, "G1.a", true};
    auto uids = run(box.add({appended, copied}));
    REQUIRE(uids);
    CHECK(*uids == Uids{2, 3});
    CHECK(uids_of(box) == Uids{1, 2, 3});
    CHECK(fs::exists(scratch.root() + "/cur/5.x,S=14,W=17:2,S"));
    CHECK(fs::exists(scratch.root() + "/new/6.y"));
    CHECK(box.extended_entries().value().back().extensions == "G1.a");
    NewMessage missing{scratch.root() + "/tmp/none", "7.z", {}, "", false};
    scratch.put("tmp/y");
    NewMessage good{scratch.root() + "/tmp/y", "8.z", {MessageFlags::kSeen, 0}, "", false};
    CHECK_FALSE(run(box.add({good, missing})));
    CHECK_FALSE(fs::exists(scratch.root() + "/cur/8.z:2,S"));
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2, 3});
    // A message that was moved may have been the only one: it is back where it was.
    CHECK(fs::exists(scratch.root() + "/tmp/y"));
    fs::rename(scratch.root() + "/dovecot-uidlist", scratch.root() + "/list");
    fs::create_directory(scratch.root() + "/dovecot-uidlist");
    CHECK_FALSE(run(box.add({good})));
    CHECK(fs::exists(scratch.root() + "/tmp/y"));
    CHECK_FALSE(fs::exists(scratch.root() + "/cur/8.z:2,S"));
    fs::remove(scratch.root() + "/dovecot-uidlist");
    fs::rename(scratch.root() + "/list", scratch.root() + "/dovecot-uidlist");

    MaildirMailbox fresh(scratch.place());
    scratch.put("tmp/q");
    auto more = run(fresh.add({{scratch.root() + "/tmp/q", "9.q", {}, "", false}}));
    REQUIRE(more);
    CHECK(*more == Uids{4});
    sync(box);
    CHECK(uids_of(box) == Uids{1, 2, 3, 4});
}

TEST_CASE("store/mailbox: numbers that a list of UIDs could not hold are refused") {
    Scratch scratch;
    scratch.put("new/1.a");
    MaildirMailbox box(scratch.place());
    sync(box);
    const std::string before = scratch.get("dovecot-uidlist");
    for (const NumberChange& bad :
         {NumberChange{0, 0xffffffff, ""}, NumberChange{0xffffffff, 1, ""},
          NumberChange{0, 0, "", {{1, 0xfffffffe}}}, NumberChange{0, 0, "", {{1, 0}}},
          // The message that is not moved would have the UID after the last.
          NumberChange{77, 0xfffffffe, ""}}) {
        auto changed = run(change_numbers(scratch.place(), bad));
        CHECK((!changed && changed.error().code == Errc::kDenied));
        CHECK(scratch.get("dovecot-uidlist") == before);
    }
    scratch.put("tmp/x");
    NewMessage message{scratch.root() + "/tmp/x", "5.x", {}, "", false};
    CHECK_FALSE(run(place_messages(scratch.place(), {{0xfffffffe, message}})));
    REQUIRE(run(change_numbers(scratch.place(), {77, 0xfffffffc, ""})));
    REQUIRE(run(place_messages(scratch.place(), {{0xfffffffd, message}})));
    sync(box);
    CHECK(box.uid_validity() == 77);
    CHECK(uids_of(box) == Uids{0xfffffffc, 0xfffffffd});
}

TEST_CASE("store/mailbox: lines are never added to a list of an old form or with a torn end") {
    auto message = [](const Scratch& scratch, const std::string& name) {
        scratch.put("tmp/" + name);
        return NewMessage{scratch.root() + "/tmp/" + name, name, {}, "", false};
    };
    for (const char* list : {"1 1234 3\n1 1.a\n2 2.a\n", "3 V1234 N3 Gx\n1 :1.a\n2 :2.a\n3 :gon"}) {
        Scratch scratch;
        scratch.put("cur/1.a:2,S");
        scratch.put("cur/2.a:2,S");
        scratch.put("dovecot-uidlist", list);
        MaildirMailbox box(scratch.place());
        sync(box);
        CHECK(uids_of(box) == Uids{1, 2});
        CHECK(run(box.add({message(scratch, "4.a")})) == Uids{3});
        CHECK(run(box.add({message(scratch, "3.a")})) == Uids{4});
        MaildirMailbox again(scratch.place());
        sync(again);
        CHECK(again.uid_validity() == 1234);
        REQUIRE(uids_of(again) == Uids{1, 2, 3, 4});
        CHECK(again.base_name(*again.find(3)) == "4.a");
    }
}

TEST_CASE("store/mailbox: a UID is on disk before anybody hears of it") {
    Scratch scratch;
    scratch.put("new/1.a");
    MaildirMailbox box(scratch.place());
    auto listed = [](const std::string& name) { return std::ranges::count(synced(), name); };
    synced().clear();
    sync(box);
    CHECK(listed("dovecot-uidlist.tmp") == 1);
    for (const char* name : {"new/2.a", "cur/3.a:2,"}) {  // new mail alone, and a full scan
        scratch.put(name);
        synced().clear();
        sync(box);
        CHECK(listed("dovecot-uidlist") == 1);
        synced().clear();
        sync(box);
        CHECK(synced().empty());
    }
    CHECK(uids_of(box) == Uids{1, 2, 3});
    REQUIRE(run(box.change_flags({1}, FlagChange::kAdd, 0, {"Work"})));
    CHECK(listed("dovecot-keywords.tmp") == 1);
}

TEST_CASE("store/mailbox: the quick-start file is believed only while nothing has changed") {
    Scratch scratch;
    for (int i = 1; i <= 3; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    {
        MaildirMailbox box(scratch.place());
        sync(box);
        CHECK(box.claim_recent() == 1);
        run(sleep_for(std::chrono::milliseconds(200)));
        sync(box);  // the verification that a fresh directory needs
        box.save_index();
    }
    {
        MaildirMailbox box(scratch.place());
        box.load_index();
        CHECK(uids_of(box) == Uids{1, 2, 3});
        CHECK(box.first_recent() == 4);
        sync(box);
        CHECK(uids_of(box) == Uids{1, 2, 3});
    }
    fs::remove(scratch.root() + "/cur/2.a:2,");
    {
        MaildirMailbox box(scratch.place());
        box.load_index();
        CHECK(uids_of(box).empty());
        sync(box);
        CHECK(uids_of(box) == Uids{1, 3});
        CHECK(box.first_recent() == 4);
    }
    std::string torn = scratch.get("relais.index");
    torn[torn.size() / 2] = static_cast<char>(torn[torn.size() / 2] ^ 1);
    scratch.put("relais.index", torn);
    MaildirMailbox box(scratch.place());
    box.load_index();
    CHECK(uids_of(box).empty());
}

TEST_CASE("store/mailbox: a mailbox that is removed is an error, not a crash") {
    Scratch scratch;
    MaildirMailbox box(scratch.place());
    sync(box);
    fs::remove_all(scratch.root() + "/cur");
    CHECK_FALSE(run(box.sync(MailboxAccess::kReadWrite)));
}

TEST_CASE("store/uidlist: whether there are UIDs for so many more") {
    UidList list;
    CHECK(list.has_room_for(kLastUid));
    CHECK_FALSE(list.has_room_for(std::size_t{kLastUid} + 1));
    list.next_uid = kLastUid - 1;
    CHECK(list.has_room_for(2));
    CHECK_FALSE(list.has_room_for(3));
    CHECK(list.add("x").uid == kLastUid - 1);
    CHECK(list.add("y").uid == kLastUid);
    CHECK(list.has_room_for(0));
    CHECK_FALSE(list.has_room_for(1));
    list.next_uid = kLastUid;  // not above what is there
    CHECK_FALSE(list.has_room_for(0));
    list.entries.clear();
    list.next_uid = 0xffffffff;
    CHECK_FALSE(list.has_room_for(0));
}
