// What others do to a mailbox behind our back: files and directories moved away, replaced, removed.
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/event/task_group.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/uid_validity.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

// A mail root with one mailbox below it, as Maildir++ has it.
class Place : public TemporaryDirectory {
  public:
    Place() { make(); }

    std::string at(const std::string& relative) const { return path() + "/.Box/" + relative; }

    void make() const {
        for (const char* part : {"cur", "new", "tmp"}) {
            fs::create_directories(at(part));
        }
    }

    void put(const std::string& relative, const std::string& text = "Subject: x\n\ny\n") const {
        std::ofstream(at(relative)) << text;
    }

    std::string get(const std::string& relative) const {
        return read_file(at(relative)).value_or("(none)");
    }

    std::string old() const { return path() + "/.Old"; }

    void move_away() const { fs::rename(path() + "/.Box", old()); }

    MailboxPlace place() const { return {path() + "/.Box", path(), "host", 0600}; }
};

template <class T>
T run(Task<T> task) {
    return Loop::current().run_task(std::move(task));
}

void sync(Mailbox& box) {
    REQUIRE(run(box.sync(MailboxAccess::kReadWrite)));
}

using Names = std::vector<std::string>;
using Uids = std::vector<std::uint32_t>;

Names keywords(Mailbox& box, std::uint32_t uid) {
    return box.keywords_of(*box.find(uid));
}

std::uint32_t add(const Place& place, Mailbox& box, const std::string& name, Names keywords = {}) {
    place.put("tmp/" + name);
    NewMessage message{place.at("tmp/" + name), name, {}, "", false, std::move(keywords)};
    auto uids = run(box.add({message}));
    INFO((uids ? "" : uids.error().message));
    REQUIRE(uids);
    return uids->front();
}

}  // namespace

TEST_CASE("store/foreign: letters are given by what the file says now") {
    Place place;
    MaildirMailbox box(place.place());
    sync(box);
    add(place, box, "1.a", {"kwA", "kwB"});
    SECTION("the names have got other letters") {
        place.put("dovecot-keywords", "0 kwX\n1 kwA\n");
        std::uint64_t before = box.last_change();
        std::uint32_t uid = add(place, box, "2.a", {"kwA"});
        CHECK(fs::exists(place.at("cur/2.a:2,b")));
        sync(box);
        CHECK(keywords(box, uid) == Names{"kwA"});
        CHECK(keywords(box, 1) == Names{"kwX", "kwA"});
        CHECK(box.find(1)->change > before);  // its flags are told anew
    }
    SECTION("a flag of a message that is there already") {
        place.put("dovecot-keywords", "0 kwX\n1 kwA\n2 kwC\n");
        REQUIRE(run(box.change_flags({1}, FlagChange::kReplace, 0, {"kwC", "kwD"})));
        CHECK(fs::exists(place.at("cur/1.a:2,cd")));
        CHECK(place.get("dovecot-keywords") == "0 kwX\n1 kwA\n2 kwC\n3 kwD\n");
    }
    SECTION("seen together with new mail") {
        place.put("new/2.a");
        place.put("dovecot-keywords", "0 kwX\n1 kwY\n");
        sync(box);
        CHECK(keywords(box, 1) == Names{"kwX", "kwY"});
    }
    SECTION("the file is removed: names that are in use are not lost") {
        fs::remove(place.at("dovecot-keywords"));
        SECTION("before a look") {
            sync(box);
        }
        SECTION("before an addition") {
            add(place, box, "2.a", {"kwC"});
        }
        sync(box);
        CHECK(keywords(box, 1) == Names{"kwA", "kwB"});
        CHECK(place.get("dovecot-keywords").starts_with("0 kwA\n1 kwB\n"));
    }
    SECTION("removed between sessions: a letter in use is not given to another name") {
        fs::remove(place.at("dovecot-keywords"));
        MaildirMailbox later(place.place());
        std::uint32_t uid = add(place, later, "2.a", {"kwA"});
        sync(later);
        CHECK(keywords(later, 1) == Names{"unknown-0", "unknown-1"});
        CHECK(keywords(later, uid) == Names{"kwA"});
    }
}

TEST_CASE("store/foreign: another mailbox of the same name") {
    Place place;
    MaildirMailbox box(place.place());
    sync(box);
    add(place, box, "1.a", {"kwA", "kwB"});
    sync(box);
    auto validity = box.uid_validity();
    REQUIRE(box.read(*box.find(1)));
    place.move_away();
    CHECK_FALSE(run(box.sync(MailboxAccess::kReadWrite)));
    place.make();
    SECTION("added to before a look") {
        std::uint32_t uid = add(place, box, "7.a", {"kwB"});
        CHECK(uid == 1);
        CHECK(box.uid_validity() > validity);
        sync(box);
        CHECK(keywords(box, uid) == Names{"kwB"});
        CHECK(place.get("dovecot-keywords") == "0 kwB\n");
    }
    SECTION("with a letter that has no name") {
        place.put("cur/7.a:2,a");
        sync(box);
        CHECK(box.uid_validity() > validity);
        CHECK(keywords(box, 1) == Names{"unknown-0"});
        CHECK(box.first_recent() == 2);
        CHECK(box.read(*box.find(1)));
    }
    SECTION("a copy that is put back") {
        fs::remove_all(place.at(""));
        fs::copy(place.old(), place.at(""), fs::copy_options::recursive);
        sync(box);
        CHECK(box.uid_validity() == validity);
        CHECK(keywords(box, 1) == Names{"kwA", "kwB"});
        fs::remove_all(place.old());
        CHECK(box.read(*box.find(1)));
    }
}

TEST_CASE("store/foreign: a uidlist that is removed or replaced") {
    Place place;
    place.put("new/1.a");
    MaildirMailbox box(place.place());
    sync(box);
    auto validity = box.uid_validity();
    std::string early = place.get("dovecot-uidlist");
    add(place, box, "2.a");
    add(place, box, "3.a");
    sync(box);
    CHECK(*box.uids() == Uids{1, 2, 3});
    SECTION("removed: a new UIDVALIDITY") {
        fs::remove(place.at("dovecot-uidlist"));
        sync(box);
        CHECK(box.uid_validity() > validity);
        CHECK(*box.uids() == Uids{1, 2, 3});
    }
    SECTION("removed with the counter: a new one all the same") {
        fs::remove(place.at("dovecot-uidlist"));
        for (const auto& entry : fs::directory_iterator(place.at(".."))) {
            if (entry.path().filename().string().starts_with("dovecot-uidvalidity")) {
                fs::remove(entry.path());
            }
        }
        sync(box);
        CHECK(box.uid_validity() > validity);
    }
    SECTION("an older one put back: UIDs are not given twice") {
        place.put("dovecot-uidlist", early);
        sync(box);
        CHECK(box.uid_validity() == validity);
        CHECK(*box.uids() == Uids{1, 4, 5});
        CHECK(add(place, box, "9.a") == 6);
        MaildirMailbox again(place.place());
        sync(again);
        CHECK(*again.uids() == Uids{1, 4, 5, 6});
    }
    SECTION("an older one put back, then an addition at once") {
        place.put("dovecot-uidlist", early);
        CHECK(add(place, box, "9.a") > 3);
    }
    SECTION("an older one put back between sessions") {
        box.save_index();
        place.put("dovecot-uidlist", early);
        MaildirMailbox later(place.place());
        later.load_index();
        sync(later);
        CHECK(later.uid_validity() == validity);
        CHECK(*later.uids() == Uids{1, 4, 5});
    }
    SECTION("the size and the time are those of before") {
        std::string text = place.get("dovecot-uidlist");
        auto time = fs::last_write_time(place.at("dovecot-uidlist"));
        auto at = text.find("3.a");
        REQUIRE(at != std::string::npos);
        text.replace(at, 3, "8.a");
        place.put("dovecot-uidlist", text);
        fs::last_write_time(place.at("dovecot-uidlist"), time);
        sync(box);
        CHECK(*box.uids() == Uids{1, 2, 4});
    }
}

TEST_CASE("store/foreign: directories that are removed or replaced") {
    Place place;
    MaildirMailbox box(place.place());
    sync(box);
    add(place, box, "1.a");
    sync(box);
    SECTION("cur/ emptied and made anew") {
        fs::remove_all(place.at("cur"));
        fs::create_directory(place.at("cur"));
        sync(box);
        CHECK(box.messages().empty());
        CHECK(add(place, box, "2.a") == 2);
    }
    SECTION("new/ gone: the mailbox can be read") {
        fs::remove_all(place.at("new"));
        sync(box);
        CHECK(*box.uids() == Uids{1});
    }
    SECTION("all gone") {
        fs::remove_all(place.at(""));
        CHECK_FALSE(run(box.sync(MailboxAccess::kReadWrite)));
        CHECK_FALSE(run(box.change_flags({1}, FlagChange::kAdd, MessageFlags::kSeen, {"kw"})));
        CHECK_FALSE(run(box.add({{"/nowhere", "2.a", {}, "", false}})));
        CHECK_FALSE(fs::exists(place.at("")));
    }
}

namespace {

// The letters are all taken: keywords of others are kept apart.
void use_up_letters(const Place& place, Mailbox& box) {
    Names letters;
    for (int i = 0; i < kMaxKeywords; ++i) {
        letters.push_back("letter" + std::to_string(i));
    }
    add(place, box, "0.a", letters);
}

Task<void> add_flag(Mailbox& box, std::uint32_t uid, std::string name) {
    auto done = co_await box.change_flags({uid}, FlagChange::kAdd, 0, {std::move(name)});
    CHECK(done);
}

Task<void> add_flag_while_others_do(const Place& place, Mailbox& box) {
    TaskGroup group;
    {
        auto lock = co_await MailboxLock::acquire(place.at("dovecot-uidlist"));
        CHECK(lock);
        group.spawn(add_flag(box, 3, "ours"));
        place.put("relais.keywords", "1.a\ttheirs\n2.a\ttheirs\n");
    }
    co_await group.join();
}

}  // namespace

TEST_CASE("store/foreign: keywords without letters, changed while we waited for the lock") {
    Place place;
    MaildirMailbox box(place.place());
    sync(box);
    use_up_letters(place, box);
    add(place, box, "1.a");
    add(place, box, "2.a");
    add(place, box, "3.a", {"known"});
    sync(box);
    REQUIRE(place.get("relais.keywords") == "3.a\tknown\n");
    std::uint64_t before = box.last_change();
    SECTION("a flag") {
        run(add_flag_while_others_do(place, box));
        CHECK(place.get("relais.keywords") == "1.a\ttheirs\n2.a\ttheirs ours\n");
        CHECK(keywords(box, 2) == Names{"theirs"});
        CHECK(keywords(box, 3) == Names{"theirs", "ours"});
    }
    SECTION("new messages") {
        place.put("relais.keywords", "1.a\ttheirs\n");
        add(place, box, "4.a", {"ours"});
        CHECK(place.get("relais.keywords") == "1.a\ttheirs\n4.a\tours\n");
    }
    sync(box);
    CHECK(box.find(2)->change > before);
    CHECK(box.find(4)->change > before);  // it has lost one
    CHECK(keywords(box, 4).empty());
}

// Many are removed at a time, so that some have other names, or none, when it is their turn.
TEST_CASE("store/foreign: an expunge of many, of which others have renamed and removed some") {
    constexpr std::uint32_t kCount = 3000;
    Place place;
    for (std::uint32_t i = 1; i <= kCount; ++i) {
        place.put("cur/" + std::to_string(10000 + i) + ".a:2,T");
    }
    MaildirMailbox box(place.place());
    sync(box);
    REQUIRE(box.track_changes());
    const std::uint64_t before = box.last_change();
    Uids wanted;
    for (std::uint32_t i = 1; i <= kCount; ++i) {
        if (i % 10 != 0) {
            wanted.push_back(i);
        }
    }
    for (std::uint32_t i = 1; i <= kCount; i += 7) {  // of all kinds
        const std::string name = place.at("cur/" + std::to_string(10000 + i) + ".a:2,");
        if (i % 2 == 0) {
            fs::remove(name + "T");
        } else {
            fs::rename(name + "T", name + "ST");
        }
    }
    auto gone = run(box.expunge(wanted));
    REQUIRE(gone);
    Uids told;  // to who comes back with an older number: each once
    const auto records = box.expunged_after(before);
    REQUIRE(records);
    for (const ChangeRecord& record : *records) {
        for (std::uint32_t uid = record.first; uid <= record.last; ++uid) {
            told.push_back(uid);
        }
    }
    std::ranges::sort(told);
    Uids left;
    Uids missing;
    for (std::uint32_t i = 1; i <= kCount; ++i) {
        const bool removed = i % 7 == 1 && i % 2 == 0;
        (i % 10 == 0 && !removed ? left : missing).push_back(i);
    }
    CHECK(told == missing);
    CHECK(std::ranges::is_sorted(*gone));
    CHECK(std::ranges::includes(wanted, *gone));
    CHECK(*box.uids() == left);
    sync(box);
    CHECK(*box.uids() == left);
    CHECK(static_cast<std::size_t>(std::distance(fs::directory_iterator(place.at("cur")), {})) ==
          left.size());
}

TEST_CASE("store/foreign: an expunge that cannot be says so, and keeps what is there") {
    Place place;
    place.put("cur/1.a:2,T");
    place.put("cur/3.a:2,T");
    MaildirMailbox box(place.place());
    sync(box);
    fs::remove(place.at("cur/1.a:2,T"));
    fs::create_directory(place.at("cur/1.a:2,T"));  // which nobody can unlink
    CHECK_FALSE(run(box.expunge({1, 2})));
    CHECK(*box.uids() == Uids{1});
}
