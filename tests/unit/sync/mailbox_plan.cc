#include "lib/sync/mailbox_plan.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/catch.h"

using namespace relais;

namespace {

SyncMessage message(std::uint32_t uid, std::string guid, std::uint8_t flags = 0,
                    std::vector<std::string> keywords = {}) {
    return {uid, std::move(guid), {flags, std::move(keywords)}, 0, 0, ""};
}

// A mailbox that does what it is told, and complains where a UID would mean two messages.
struct Box {
    MailboxContent content;
    std::map<std::uint32_t, std::string> meant;  // which message each UID has stood for

    void note() {
        for (const SyncMessage& each : content.messages) {
            auto [found, fresh] = meant.emplace(each.uid, each.guid);
            CHECK(found->second == each.guid);
            CHECK(each.uid < content.numbers.next_uid);
        }
        auto twice = std::ranges::adjacent_find(content.messages, {}, &SyncMessage::uid);
        CHECK(twice == content.messages.end());
    }

    void add(const std::string& guid) {
        content.messages.push_back(message(content.numbers.next_uid++, guid));
    }

    void apply(const MailboxChange& change) {
        auto& messages = content.messages;
        std::erase_if(messages, [&](const SyncMessage& each) {
            return std::ranges::find(change.expunge, each.uid) != change.expunge.end();
        });
        if (change.numbers.uid_validity != 0) {
            content.numbers.uid_validity = change.numbers.uid_validity;
            content.numbers.next_uid = 1;
            meant.clear();
        }
        std::map<std::uint32_t, std::uint32_t> moved(change.renumber.begin(),
                                                     change.renumber.end());
        for (SyncMessage& each : messages) {
            each.uid = moved.contains(each.uid) ? moved[each.uid] : each.uid;
            content.numbers.next_uid = std::max(content.numbers.next_uid, each.uid + 1);
        }
        content.numbers.next_uid = std::max(content.numbers.next_uid, change.numbers.next_uid);
        for (const auto& [uid, flags] : change.flags) {
            auto found = std::ranges::find(messages, uid, &SyncMessage::uid);
            REQUIRE(found != messages.end());
            found->flags = flags;
        }
        std::ranges::sort(messages, {}, &SyncMessage::uid);
    }

    void get(const std::vector<SyncTransfer>& transfers, const Box& from) {
        for (const SyncTransfer& transfer : transfers) {
            auto found = std::ranges::find(from.content.messages, transfer.from, &SyncMessage::uid);
            REQUIRE(found != from.content.messages.end());
            SyncMessage copy = *found;
            copy.uid = transfer.to;
            content.numbers.next_uid = std::max(content.numbers.next_uid, copy.uid + 1);
            content.messages.push_back(copy);
        }
        std::ranges::sort(content.messages, {}, &SyncMessage::uid);
    }
};

MailboxPlan run(Box& source, Box& destination, const SyncedMessages* before, SyncMode mode) {
    MailboxPlan plan = plan_mailbox(source.content, destination.content, before, mode).value();
    source.apply(plan.source.change);
    destination.apply(plan.destination.change);
    Box old = source;
    destination.get(plan.destination.get, source);
    source.get(plan.source.get, destination);
    return plan;
}

Box box(std::uint32_t validity, std::vector<SyncMessage> messages) {
    Box made;
    std::uint32_t next = messages.empty() ? 1 : messages.back().uid + 1;
    made.content = {{validity, next, ""}, std::move(messages)};
    return made;
}

std::multiset<std::string> guids(const Box& of) {
    std::multiset<std::string> all;
    for (const SyncMessage& each : of.content.messages) {
        all.insert(each.guid);
    }
    return all;
}

bool equal(const Box& a, const Box& b) {
    return std::ranges::equal(
        a.content.messages, b.content.messages, [](const SyncMessage& x, const SyncMessage& y) {
            return x.uid == y.uid && x.guid == y.guid && same_flags(x.flags, y.flags);
        });
}

}  // namespace

TEST_CASE("sync/mailbox_plan: a mirror is what the source is") {
    Box source = box(7, {message(1, "a", 8), message(3, "c"), message(5, "e", 0, {"Work"})});
    Box destination = box(7, {message(1, "a"), message(2, "b"), message(3, "other")});
    MailboxPlan plan = run(source, destination, nullptr, SyncMode::kMirror);
    CHECK(plan.source.change.empty());
    CHECK(plan.source.get.empty());
    CHECK(equal(source, destination));
    CHECK(plan.destination.change.expunge == std::vector<std::uint32_t>{2, 3});
    MailboxPlan again = run(source, destination, nullptr, SyncMode::kMirror);
    CHECK(again.destination.change.empty());
    CHECK(again.destination.get.empty());
}

TEST_CASE(
    "sync/mailbox_plan: a mirror with another UIDVALIDITY keeps the messages that are there") {
    Box source = box(9, {message(4, "a"), message(6, "b"), message(8, "c")});
    Box destination = box(7, {message(1, "b"), message(2, "x"), message(3, "a")});
    MailboxPlan plan = run(source, destination, nullptr, SyncMode::kMirror);
    CHECK(equal(source, destination));
    CHECK(destination.content.numbers.uid_validity == 9);
    CHECK(destination.content.numbers.next_uid == 9);
    CHECK(plan.destination.get == std::vector<SyncTransfer>{{8, 8}});
}

TEST_CASE("sync/mailbox_plan: flags are merged one by one") {
    SyncedMessages before{{"a", {8 | 2, {"Old", "Both"}}}};
    Box source = box(1, {message(1, "a", 8 | 1, {"Both", "Mine", "Old"})});  // flag 2 taken away
    Box destination = box(1, {message(1, "a", 2 | 8 | 4, {"both", "Theirs"})});  // "Old" taken away
    run(source, destination, &before, SyncMode::kMerge);
    CHECK(equal(source, destination));
    CHECK(source.content.messages[0].flags.system == (8 | 1 | 4));
    CHECK(source.content.messages[0].flags.keywords ==
          std::vector<std::string>{"Both", "Mine", "Theirs"});
}

TEST_CASE("sync/mailbox_plan: a keyword for which a side has no room is not taken for removed") {
    SyncedMessages before{{"a", {0, {"Here", "There", "Gone"}}}};
    Box source = box(1, {message(1, "a", 0, {"Here", "There"})});
    Box destination = box(1, {message(1, "a", 0, {"gone"})});
    destination.content.last_keywords = {"There", "Gone"};
    run(source, destination, &before, SyncMode::kMerge);
    CHECK(source.content.messages[0].flags.keywords == std::vector<std::string>{"Here"});
}

TEST_CASE("sync/mailbox_plan: in a mirror a UID stays that of a message which takes no part") {
    Box source = box(7, {message(3, "a"), message(4, "b")});
    Box destination = box(7, {});
    destination.content.numbers.next_uid = 9;
    destination.content.left_out = {3};
    MailboxPlan plan = run(source, destination, nullptr, SyncMode::kMirror);
    CHECK(plan.destination.get == std::vector<SyncTransfer>{{4, 4}, {3, 9}});
    source.content.messages[0].flags.system = 8;
    plan = run(source, destination, nullptr, SyncMode::kMirror);
    CHECK(plan.destination.get.empty());
    CHECK(plan.destination.change.expunge.empty());
    REQUIRE(plan.destination.change.flags.size() == 1);
    CHECK(plan.destination.change.flags[0].first == 9);
}

TEST_CASE("sync/mailbox_plan: a side is not empty whose messages take no part") {
    Box source = box(9, {});
    source.content.left_out = {1, 2};
    Box destination = box(7, {message(1, "a")});
    MailboxPlan plan = run(source, destination, nullptr, SyncMode::kMerge);
    CHECK(plan.source.change.numbers.uid_validity == 0);
    CHECK(plan.destination.change.numbers.uid_validity == 9);
}

TEST_CASE("sync/mailbox_plan: two messages that came at once under one UID") {
    Box source = box(1, {message(1, "a"), message(2, "mine")});
    Box destination = box(1, {message(1, "a"), message(2, "theirs")});
    run(source, destination, nullptr, SyncMode::kMerge);
    CHECK(equal(source, destination));
    CHECK(guids(source) == std::multiset<std::string>{"a", "mine", "theirs"});
    CHECK(source.content.messages[1].uid > 2);  // UID 2 has meant two messages: nobody's now
}

TEST_CASE("sync/mailbox_plan: copies of a message with one GUID are as many as there are") {
    Box source = box(1, {message(1, "a"), message(2, "a"), message(3, "a")});
    Box destination = box(1, {message(2, "a")});
    SyncedMessages before{{"a", {}}, {"a", {}}};
    run(source, destination, nullptr, SyncMode::kPush);
    CHECK(destination.content.messages.size() == 3);
}

TEST_CASE("sync/mailbox_plan: what is deleted goes, what is new comes, by chance") {
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        bool merge = round % 2 == 0;
        SyncMode mode = merge ? SyncMode::kMerge : SyncMode::kPush;
        Box source = box(random() % 3 + 1, {});
        Box destination = box(random() % 3 + 1, {});
        SyncedMessages before;
        bool known = false;
        std::multiset<std::string> wanted;
        int count = 0;
        for (int run_number = 0; run_number < 6; ++run_number) {
            for (int i = 0; i < 6; ++i) {
                Box& side = random() % 2 == 0 || !merge ? source : destination;
                auto& messages = side.content.messages;
                unsigned what = static_cast<unsigned>(random() % 3);
                if (what == 0 || messages.empty()) {
                    std::string guid = "m" + std::to_string(++count);
                    side.add(guid);
                    wanted.insert(guid);
                } else if (what == 1) {
                    messages[random() % messages.size()].flags.system =
                        static_cast<std::uint8_t>(random() % 32);
                } else {
                    auto gone =
                        messages.begin() + static_cast<std::ptrdiff_t>(random() % messages.size());
                    wanted.erase(gone->guid);
                    messages.erase(gone);
                }
            }
            source.note();
            destination.note();
            MailboxPlan plan = run(source, destination, known ? &before : nullptr, mode);
            before = plan.after;
            known = true;
            source.note();
            destination.note();
            if (merge) {
                REQUIRE(equal(source, destination));
            }
            REQUIRE(guids(source) == guids(destination));
            REQUIRE(guids(source) == wanted);
            MailboxPlan again =
                plan_mailbox(source.content, destination.content, &before, mode).value();
            REQUIRE(again.destination.get.empty());
            REQUIRE(again.source.get.empty());
            REQUIRE(again.destination.change.expunge.empty());
            REQUIRE(again.source.change.empty());
        }
    }
}

TEST_CASE("sync/mailbox_plan: where UIDs end, nothing is planned that would begin anew") {
    Box source = box(7, {message(1, "a"), message(2, "b")});
    Box destination = box(7, {message(1, "c")});
    for (auto mode : {SyncMode::kMerge, SyncMode::kPush}) {
        // "a" and, in a merge, "c" need a UID that neither side has given out.
        source.content.numbers.next_uid = mode == SyncMode::kMerge ? 0xfffffffc : 0xfffffffd;
        auto plan = plan_mailbox(source.content, destination.content, nullptr, mode);
        REQUIRE(plan);
        SidePlan& last = mode == SyncMode::kMerge ? plan->source : plan->destination;
        CHECK(last.get.back().to == 0xfffffffd);
        ++source.content.numbers.next_uid;
        plan = plan_mailbox(source.content, destination.content, nullptr, mode);
        CHECK((!plan && plan.error().code == Errc::kDenied));
    }
    // A message of the destination that takes no part has the UID of "b".
    destination.content.left_out = {2};
    source.content.numbers.next_uid = 0xfffffffe;
    CHECK_FALSE(plan_mailbox(source.content, destination.content, nullptr, SyncMode::kMirror));
    source.content.numbers.next_uid = 0xfffffffd;
    CHECK(plan_mailbox(source.content, destination.content, nullptr, SyncMode::kMirror));
}

TEST_CASE("sync/replica: numbers that a list of UIDs can hold") {
    CHECK(MailboxNumbers{0xfffffffe, 0xfffffffe, ""}.possible());
    CHECK_FALSE(MailboxNumbers{1, 0xffffffff, ""}.possible());
    CHECK_FALSE(MailboxNumbers{0xffffffff, 1, ""}.possible());
    CHECK(is_sync_uid(0xfffffffd));
    CHECK_FALSE(is_sync_uid(0xfffffffe));
}
