#include "lib/store/own_seen.h"

#include <filesystem>
#include <fstream>

#include "lib/event/loop.h"
#include "lib/store/maildir_mailbox.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
using Mark = OwnSeen::Mark;
using Uids = std::vector<std::uint32_t>;

TEST_CASE("store/own_seen: lines, and what is none") {
    OwnSeen seen = OwnSeen::parse("V7\n1:3,5\n9\nodd\n11\n");
    CHECK(seen.to_string() == "V7\n1:3,5,9\n");
    CHECK(seen.has(7, 3));
    CHECK_FALSE(seen.has(7, 4));
    CHECK_FALSE(seen.has(8, 3));
    CHECK(OwnSeen::parse("").to_string() == "V0\n");
    CHECK(OwnSeen::parse("V99999999999\n1\n").to_string() == "V0\n1\n");
    CHECK(OwnSeen::parse(seen.to_string()).to_string() == seen.to_string());
}

TEST_CASE("store/own_seen: marks, another mailbox, and messages that are gone") {
    OwnSeen seen;
    seen.begin(7);
    seen.mark(Uids{1, 2, 3, 8}, Mark::kSeen);
    seen.mark(Uids{2, 4}, Mark::kUnseen);
    CHECK(seen.to_string() == "V7\n1,3,8\n");
    seen.keep(Uids{3, 4}, 8);
    CHECK(seen.to_string() == "V7\n3,8\n");
    seen.begin(7);
    CHECK(seen.has(7, 3));
    seen.begin(8);
    CHECK(seen.to_string() == "V8\n");
}

TEST_CASE("store/own_seen: many ranges are read again") {
    OwnSeen seen;
    seen.begin(1);
    Uids odd;
    for (std::uint32_t uid = 1; uid < 300'000; uid += 2) {
        odd.push_back(uid);
    }
    seen.mark(odd, Mark::kSeen);
    CHECK(seen.is_crowded(100'000));
    CHECK_FALSE(seen.is_crowded(odd.size()));
    TemporaryDirectory place;
    REQUIRE(seen.write(place.path(), 0600));
    auto read = OwnSeen::load(place.path());
    REQUIRE(read);
    CHECK(read->to_string() == seen.to_string());
    CHECK(read->stamp() == seen.stamp());
    CHECK(read->has(1, 299'999));
    CHECK_FALSE(read->has(1, 299'998));
}

namespace {

namespace fs = std::filesystem;

// A Maildir for all, and a place for what each user has seen.
class Shared : public TemporaryDirectory {
  public:
    Shared() {
        for (const char* part : {"box/cur", "box/new", "box/tmp", "ann", "bob"}) {
            fs::create_directories(path() + "/" + part);
        }
        for (const char* name : {"1.a:2,", "2.a:2,S", "3.a:2,F"}) {
            std::ofstream(path() + "/box/cur/" + name) << "Subject: x\n\ny\n";
        }
    }

    // Without a user: who sees what files say.
    std::unique_ptr<MaildirMailbox> open(const std::string& user) const {
        MailboxPlace place{path() + "/box", path(), "host", 0600};
        place.own_flags = user.empty() ? "" : path() + "/" + user;
        auto box = std::make_unique<MaildirMailbox>(place);
        box->load_index();
        sync(*box);
        return box;
    }

    static void sync(Mailbox& box) {
        REQUIRE(Loop::current().run_task(box.sync(MailboxAccess::kReadWrite)));
    }

    static void store(Mailbox& box, Uids uids, FlagChange how, std::uint8_t system) {
        REQUIRE(Loop::current().run_task(box.change_flags(std::move(uids), how, system)));
    }
};

Uids seen_in(const Mailbox& box) {
    Uids uids;
    for (const MailMessage& message : box.messages()) {
        if ((message.system & MessageFlags::kSeen) != 0) {
            uids.push_back(message.uid);
        }
    }
    return uids;
}

}  // namespace

TEST_CASE("store/own_seen: what one process marks the user's others tell, and nobody else") {
    Shared shared;
    auto here = shared.open("ann");
    auto there = shared.open("ann");
    auto bob = shared.open("bob");
    auto nobody = shared.open("");
    CHECK(seen_in(*here).empty());
    CHECK(seen_in(*nobody) == Uids{2});
    const std::uint64_t before = there->last_flag_change();
    Shared::store(*here, {1, 3}, FlagChange::kAdd, MessageFlags::kSeen);
    for (Mailbox* box : {static_cast<Mailbox*>(there.get()), static_cast<Mailbox*>(bob.get())}) {
        Shared::sync(*box);
    }
    CHECK(seen_in(*there) == Uids{1, 3});
    CHECK(there->find(1)->change > before);
    CHECK(there->find(2)->change <= before);
    CHECK(seen_in(*bob).empty());
    // The other process writes what it has not read yet.
    Shared::store(*here, {2}, FlagChange::kReplace, MessageFlags::kSeen | MessageFlags::kFlagged);
    Shared::store(*there, {1}, FlagChange::kRemove, MessageFlags::kSeen);
    CHECK(seen_in(*there) == Uids{2, 3});
    CHECK(fs::exists(shared.path() + "/box/cur/2.a:2,FS"));
    CHECK(fs::exists(shared.path() + "/box/cur/3.a:2,F"));
    Shared::sync(*bob);
    CHECK(bob->find(2)->system == MessageFlags::kFlagged);
    Shared::store(*bob, {2}, FlagChange::kReplace, 0);
    CHECK(fs::exists(shared.path() + "/box/cur/2.a:2,S"));
}

TEST_CASE("store/own_seen: the quick-start file says what is so for all") {
    Shared shared;
    auto ann = shared.open("ann");
    Shared::store(*ann, {1}, FlagChange::kAdd, MessageFlags::kSeen);
    Shared::sync(*ann);
    ann->save_index();
    CHECK(seen_in(*shared.open("")) == Uids{2});
    CHECK(seen_in(*shared.open("bob")).empty());
    CHECK(seen_in(*shared.open("ann")) == Uids{1});
    SECTION("a file that cannot be read") {
        const std::string file = shared.path() + "/ann/relais.seen";
        fs::remove(file);
        fs::create_directory(file);
        auto without = shared.open("ann");
        CHECK(seen_in(*without).empty());  // and not what the quick-start file says
        CHECK_FALSE(Loop::current().run_task(
            without->change_flags({1}, FlagChange::kAdd, MessageFlags::kSeen)));
        fs::remove(file);
        Shared::store(*without, {3}, FlagChange::kAdd, MessageFlags::kSeen);
        CHECK(seen_in(*shared.open("ann")) == Uids{3});
    }
    SECTION("a file that makes no sense, and none") {
        std::ofstream(shared.path() + "/ann/relais.seen") << "what\n1:3\n";
        CHECK(seen_in(*shared.open("ann")).empty());
        fs::remove_all(shared.path() + "/ann");
        auto without = shared.open("ann");
        CHECK(seen_in(*without).empty());
        CHECK_FALSE(Loop::current().run_task(
            without->change_flags({1}, FlagChange::kAdd, MessageFlags::kSeen)));
        CHECK(seen_in(*without).empty());
    }
}

TEST_CASE("store/own_seen: what is added seen is so for who adds it") {
    Shared shared;
    auto ann = shared.open("ann");
    std::ofstream(shared.path() + "/box/tmp/4.a") << "Subject: x\n\ny\n";
    NewMessage message{shared.path() + "/box/tmp/4.a",
                       "4.a",
                       {MessageFlags::kSeen | MessageFlags::kFlagged, 0},
                       ""};
    auto uids = Loop::current().run_task(ann->add({message}));
    REQUIRE(uids);
    CHECK(seen_in(*ann) == *uids);
    CHECK(fs::exists(shared.path() + "/box/cur/4.a:2,F"));
    CHECK(seen_in(*shared.open("bob")).empty());
}
