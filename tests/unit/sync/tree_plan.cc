#include "lib/sync/tree_plan.h"

#include <map>

#include "tests/support/catch.h"

using namespace relais;

namespace {

using Names = std::map<std::string, std::string>;  // to GUIDs

std::vector<SyncMailbox> side(const Names& names) {
    std::vector<SyncMailbox> mailboxes{{"INBOX", "i", true, false}};
    for (const auto& [name, guid] : names) {
        mailboxes.push_back({name, guid, true, false});
    }
    return mailboxes;
}

// What is there after these changes; a rename onto what is there, or of what is not, fails.
Names after(Names names, const std::vector<TreeChange>& changes) {
    for (const TreeChange& change : changes) {
        INFO(change.name << " -> " << change.to);
        if (change.kind == TreeChange::Kind::kCreate) {
            CHECK(names.emplace(change.name, change.guid).second);
        } else if (change.kind == TreeChange::Kind::kDelete) {
            CHECK(names.erase(change.name) == 1);
        } else if (change.kind == TreeChange::Kind::kRename) {
            Names moved;
            bool any = false;
            for (const auto& [name, guid] : names) {
                bool inside = name == change.name || name.starts_with(change.name + ".");
                any |= inside;
                std::string now = inside ? change.to + name.substr(change.name.size()) : name;
                CHECK(moved.emplace(now, guid).second);
            }
            CHECK(any);
            names = moved;
        }
    }
    return names;
}

Names mirrored(const Names& source, const Names& destination) {
    auto plan = plan_tree(side(source), side(destination), nullptr, SyncMode::kMirror);
    CHECK(plan.source.empty());
    return after(destination, plan.destination);
}

}  // namespace

TEST_CASE("sync/tree_plan: a mirror follows new names, and what is gone goes") {
    CHECK(mirrored({{"a", "1"}, {"b", "2"}}, {}) == Names{{"a", "1"}, {"b", "2"}});
    CHECK(mirrored({}, {{"a", "1"}, {"b", "2"}}).empty());
    CHECK(mirrored({{"b", "1"}}, {{"a", "1"}}) == Names{{"b", "1"}});
    CHECK(mirrored({{"a", "2"}, {"b", "1"}}, {{"a", "1"}, {"b", "2"}}) ==
          Names{{"a", "2"}, {"b", "1"}});  // two that changed places
    CHECK(mirrored({{"a", "3"}, {"b", "1"}, {"c", "2"}}, {{"a", "1"}, {"b", "2"}, {"c", "3"}}) ==
          Names{{"a", "3"}, {"b", "1"}, {"c", "2"}});
    CHECK(mirrored({{"n", "1"}, {"n.x", "2"}}, {{"a", "1"}, {"a.x", "2"}}) ==
          Names{{"n", "1"}, {"n.x", "2"}});
    CHECK(mirrored({{"p", "1"}}, {{"p.q", "1"}}) == Names{{"p", "1"}});
    CHECK(mirrored({{"p.q", "1"}}, {{"p", "1"}}) == Names{{"p.q", "1"}});
    CHECK(mirrored({{"a", ""}}, {{"a", "1"}, {"b", "2"}}) == Names{{"a", "1"}});  // by name alone
}

TEST_CASE("sync/tree_plan: a merge knows what is new from what is gone") {
    SyncedTree before{{{"INBOX", "i"}, {"old", "1"}, {"gone", "2"}, {"name", "3"}}, {}};
    Names source{{"old", "1"}, {"new", "9"}, {"name", "3"}};
    Names destination{{"old", "1"}, {"gone", "2"}, {"other", "3"}, {"there", "8"}};
    auto plan = plan_tree(side(source), side(destination), &before, SyncMode::kMerge);
    Names wanted{{"old", "1"}, {"new", "9"}, {"other", "3"}, {"there", "8"}};
    CHECK(after(source, plan.source) == wanted);
    CHECK(after(destination, plan.destination) == wanted);
    auto blind = plan_tree(side(source), side(destination), nullptr, SyncMode::kMerge);
    CHECK(after(source, blind.source).contains("gone"));
    auto push = plan_tree(side(source), side(destination), &before, SyncMode::kPush);
    CHECK(push.source.empty());
    CHECK(after(destination, push.destination) ==
          Names{{"old", "1"}, {"new", "9"}, {"name", "3"}, {"there", "8"}});
}

TEST_CASE("sync/tree_plan: subscriptions") {
    std::vector<SyncMailbox> source{{"INBOX", "i", true, true}, {"a", "", false, true}};
    std::vector<SyncMailbox> destination{{"INBOX", "i", true, false}, {"b", "", false, true}};
    auto plan = plan_tree(source, destination, nullptr, SyncMode::kMirror);
    CHECK(plan.destination == std::vector<TreeChange>{{TreeChange::Kind::kUnsubscribe, "b"},
                                                      {TreeChange::Kind::kSubscribe, "INBOX"},
                                                      {TreeChange::Kind::kSubscribe, "a"}});
    SyncedTree before{{}, {"a", "b"}};
    auto merge = plan_tree(source, destination, &before, SyncMode::kMerge);
    CHECK(merge.source == std::vector<TreeChange>{{TreeChange::Kind::kUnsubscribe, "a"}});
    CHECK(merge.destination == std::vector<TreeChange>{{TreeChange::Kind::kSubscribe, "INBOX"},
                                                       {TreeChange::Kind::kUnsubscribe, "b"}});
}
