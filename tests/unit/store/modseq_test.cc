// The numbers of changes: the journal that several processes share, and what a Mailbox makes of it.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lib/base/file.h"
#include "lib/store/change_journal.h"
#include "lib/store/maildir_mailbox.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

using Kind = ChangeRecord::Kind;
using Records = std::vector<ChangeRecord>;

class Scratch : public TemporaryDirectory {
  public:
    Scratch() {
        for (const char* part : {"cur", "new", "tmp"}) {
            fs::create_directory(path() + "/" + part);
        }
    }

    const std::string& root() const { return path(); }

    std::string journal() const { return path() + "/relais.changes"; }

    void put(const std::string& relative) const {
        std::ofstream(path() + "/" + relative) << "Subject: x\n\ny\n";
    }

    MailboxPlace place() const { return {path(), path(), "host", 0600}; }
};

template <class T>
T run(Task<T> task) {
    return Loop::current().run_task(std::move(task));
}

void sync(Mailbox& box) {
    REQUIRE(run(box.sync(MailboxAccess::kReadWrite)));
}

void flag(Mailbox& box, std::vector<std::uint32_t> uids, FlagChange how = FlagChange::kAdd) {
    REQUIRE(run(box.change_flags(std::move(uids), how, MessageFlags::kSeen)));
}

std::vector<std::uint32_t> changed_after(const Mailbox& box, std::uint64_t modseq) {
    std::vector<std::uint32_t> uids;
    for (const MailMessage& message : box.messages()) {
        if (box.modseq_of(message) > modseq) {
            uids.push_back(message.uid);
        }
    }
    CHECK(box.changed_after(modseq) == uids);  // which need not look at all of them
    return uids;
}

std::vector<std::uint32_t> gone_after(const Mailbox& box, std::uint64_t modseq) {
    std::vector<std::uint32_t> uids;
    auto records = box.expunged_after(modseq);
    REQUIRE(records);
    for (const ChangeRecord& record : *records) {
        for (std::uint32_t uid = record.first; uid <= record.last; ++uid) {
            uids.push_back(uid);
        }
    }
    auto again = std::ranges::unique(uids);
    uids.erase(again.begin(), again.end());
    return uids;
}

using Uids = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("store/journal: what one appends another reads, once") {
    Scratch scratch;
    ChangeJournal first(scratch.root(), 0600);
    CHECK_FALSE(first.open(7));
    REQUIRE(first.start(7, 100));
    ChangeJournal second(scratch.root(), 0600);
    CHECK_FALSE(second.open(8));
    REQUIRE(second.open(7));
    CHECK(second.since() == 100);
    CHECK(second.of_this_boot());
    Records records = {{101, 1, 3, Kind::kFlags}, {101, 5, 5, Kind::kExpunged}};
    REQUIRE(first.append(records));
    CHECK(second.read_on() == records);
    CHECK(second.read_on() == Records());
    CHECK(first.read_on() == Records());  // its own are known
    CHECK(second.last() == 101);
}

TEST_CASE("store/journal: torn, damaged, copied and missing files are not believed") {
    Scratch scratch;
    ChangeJournal journal(scratch.root(), 0600);
    REQUIRE(journal.start(7, 100));
    Records records = {{101, 1, 3, Kind::kFlags}};
    REQUIRE(journal.append(records));
    std::string whole = read_file(scratch.journal()).value();
    auto read = [&]() -> bool {
        ChangeJournal other(scratch.root(), 0600);
        return other.open(7) && other.read_on().has_value();
    };
    auto write = [&](const std::string& text) {
        std::fstream(scratch.journal(), std::ios::in | std::ios::out) << text;
        fs::resize_file(scratch.journal(), text.size());
    };
    CHECK(read());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        write(whole.substr(0, size));
        INFO(size);
        CHECK(read() == (size == whole.size() - 24));  // without the record it is whole as well
    }
    for (std::size_t at = whole.size() - 24; at < whole.size(); ++at) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        write(damaged);
        INFO(at);
        CHECK_FALSE(read());
    }
    write(whole);
    CHECK(read());
    fs::copy_file(scratch.journal(), scratch.root() + "/copy");
    fs::rename(scratch.root() + "/copy", scratch.journal());
    CHECK_FALSE(read());
    CHECK_FALSE(journal.read_on());
}

TEST_CASE("store/journal: it stays small, and who has read less than it reaches back knows it") {
    Scratch scratch;
    ChangeJournal journal(scratch.root(), 0600);
    REQUIRE(journal.start(7, 1));
    ChangeJournal slow(scratch.root(), 0600);
    ChangeJournal quick(scratch.root(), 0600);
    REQUIRE(slow.open(7));
    REQUIRE(quick.open(7));
    std::size_t seen = 0;
    for (std::uint64_t i = 2; i < 100'000; ++i) {
        ChangeRecord record{i, 1, 1, Kind::kFlags};
        REQUIRE(journal.append({&record, 1}));
        if (i % 1000 == 0) {
            auto records = quick.read_on();
            REQUIRE(records);
            seen += records->size();
        }
    }
    CHECK(fs::file_size(scratch.journal()) < 1'100'000);
    CHECK(seen == 98'999);
    CHECK_FALSE(slow.read_on());
}

TEST_CASE("store/modseq: numbers grow, and tell what has changed and what is gone") {
    Scratch scratch;
    for (int i = 1; i <= 6; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    MaildirMailbox box(scratch.place());
    sync(box);
    CHECK_FALSE(fs::exists(scratch.journal()));
    REQUIRE(box.track_changes());
    std::uint64_t first = box.last_change();
    CHECK(changed_after(box, first).empty());
    CHECK(changed_after(box, first - 1).size() == 6);
    flag(box, {2, 4});
    std::uint64_t second = box.last_change();
    CHECK(second > first);
    CHECK(changed_after(box, first) == Uids{2, 4});
    flag(box, {2, 4});  // they have it
    CHECK(box.last_change() == second);
    REQUIRE(run(box.expunge({3, 5})));
    CHECK(gone_after(box, first) == Uids{3, 5});
    CHECK(gone_after(box, box.last_change()).empty());
    CHECK_FALSE(box.expunged_after(first - 1));
    auto refused =
        run(box.change_flags({1, 2}, FlagChange::kAdd, MessageFlags::kFlagged, {}, first));
    REQUIRE(refused);
    CHECK(refused->refused == Uids{2});
    scratch.put("new/7.a");
    std::uint64_t before = box.last_change();
    sync(box);
    CHECK(changed_after(box, before) == Uids{7});
}

TEST_CASE("store/modseq: two processes on a mailbox agree on the numbers") {
    Scratch scratch;
    for (int i = 1; i <= 4; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    MaildirMailbox one(scratch.place());
    MaildirMailbox two(scratch.place());
    sync(one);
    REQUIRE(one.track_changes());
    sync(two);
    REQUIRE(two.track_changes());
    sync(one);
    sync(two);
    std::uint64_t start = std::max(one.last_change(), two.last_change());
    flag(one, {1});
    flag(one, {1}, FlagChange::kRemove);  // nothing to be seen in the directory
    std::uint64_t told = one.last_change();
    flag(two, {2});
    CHECK(two.last_change() > told);
    CHECK(two.modseq_of(*two.find(1)) >= told);
    sync(one);
    CHECK(changed_after(one, start) == Uids{1, 2});
    REQUIRE(run(two.expunge({3})));
    std::uint64_t gone = two.last_change();
    sync(one);
    CHECK(gone_after(one, gone - 1) == Uids{3});
    CHECK(one.last_change() >= gone);
}

TEST_CASE("store/modseq: who comes later knows, with the quick-start file as it was left") {
    Scratch scratch;
    for (int i = 1; i <= 4; ++i) {
        scratch.put("new/" + std::to_string(i) + ".a");
    }
    std::uint64_t start = 0;
    {
        MaildirMailbox box(scratch.place());
        sync(box);
        REQUIRE(box.track_changes());
        start = box.last_change();
        flag(box, {1});
        flag(box, {1}, FlagChange::kRemove);
        REQUIRE(run(box.expunge({2})));
        if (GENERATE(true, false)) {
            box.save_index();  // else as after kill -9
        }
    }
    MaildirMailbox box(scratch.place());
    box.load_index();
    sync(box);
    CHECK(changed_after(box, start) == Uids{1});
    CHECK(gone_after(box, start) == Uids{2});
}

TEST_CASE("store/modseq: very many changes at once are told by few records") {
    Scratch scratch;
    Uids odd;
    for (std::uint32_t i = 1; i <= 10'000; ++i) {
        std::ofstream(scratch.root() + "/cur/" + std::to_string(i) + ".a:2,");
        if (i % 2 == 1) {
            odd.push_back(i);
        }
    }
    MaildirMailbox box(scratch.place());
    sync(box);
    REQUIRE(box.track_changes());
    MaildirMailbox other(scratch.place());
    other.load_index();
    sync(other);
    std::uint64_t start = box.last_change();
    flag(box, odd);
    CHECK(changed_after(box, start) == odd);
    auto size = fs::file_size(scratch.journal());
    CHECK(size < 4200 * 24);
    REQUIRE(run(box.expunge(odd)));
    CHECK_FALSE(box.expunged_after(start));  // which they were is not kept
    CHECK(fs::file_size(scratch.journal()) < size + 100);
    sync(other);
    CHECK_FALSE(other.expunged_after(start));
    CHECK(other.messages().size() == 5000);
}
