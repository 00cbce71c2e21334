// The order of deliveries, and a simulation of them with a clock of its own.
#include "qmgr/schedule.cc"  // NOLINT

#include <functional>
#include <queue>
#include <set>

#include "lib/base/format.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::qmgr;

namespace {

MessagePtr message(const std::string& id) {
    auto out = std::make_shared<Message>();
    out->id = id;
    return out;
}

Entry entry(const MessagePtr& of, int recipients = 1) {
    Entry out{of, {}};
    for (int n = 0; n < recipients; ++n) {
        Recipient recipient;
        recipient.address = format("u{}@x.test", n);
        out.recipients.push_back(std::move(recipient));
    }
    return out;
}

FeedbackRules windows(int initial, int limit) {
    FeedbackRules out;
    out.initial = initial;
    out.limit = limit;
    return out;
}

// Which messages go in which order when one delivery is under way at a time.
std::string order(Schedule& schedule, double now = 0) {
    std::string out;
    while (auto pick = schedule.pick(now)) {
        out += pick->entry.message->id;
        schedule.ended(*pick->destination, pick->entry);
    }
    return out;
}

}  // namespace

TEST_CASE("qmgr/schedule: a large message is overtaken for what it has earned") {
    auto feedback = windows(1, 1);
    auto big = message("B");
    std::vector<MessagePtr> small;
    auto fill = [&](Schedule& schedule, int entries, int others) {
        auto& to = schedule.destination("x.test", "x.test");
        for (int n = 0; n < entries; ++n) {
            schedule.add(to, entry(big), 0);
        }
        for (int n = 0; n < others; ++n) {
            small.push_back(message(std::string(1, static_cast<char>('a' + n))));
            schedule.add(to, entry(small.back()), 0);
        }
    };
    SECTION("each slot costs so many entries; the loan goes first, and must be paid back") {
        Schedule schedule({.cost = 5, .loan = 1, .discount = 0, .minimum = 3}, &feedback);
        fill(schedule, 20, 4);
        CHECK(order(schedule) == "BaBBBBBbBBBBBcBBBBBdBBBB");
    }
    SECTION("a cost of 2 lets more pass") {
        Schedule schedule({.cost = 2, .loan = 0, .discount = 0, .minimum = 3}, &feedback);
        fill(schedule, 8, 3);
        CHECK(order(schedule) == "BBaBBbBBcBB");
    }
    SECTION("one that never earns the minimum is not overtaken") {
        Schedule schedule({.cost = 5, .loan = 3, .discount = 50, .minimum = 3}, &feedback);
        fill(schedule, 14, 1);
        CHECK(order(schedule) == "BBBBBBBBBBBBBBa");
    }
    SECTION("no cost, no overtaking") {
        Schedule schedule({.cost = 0, .loan = 3, .discount = 50, .minimum = 3}, &feedback);
        fill(schedule, 20, 1);
        CHECK(order(schedule) == "BBBBBBBBBBBBBBBBBBBBa");
    }
    CHECK(big->unread_recipients == 0);
}

TEST_CASE("qmgr/schedule: the discount lets one overtake before all its slots are there") {
    auto feedback = windows(1, 1);
    auto big = message("B");
    auto small = message("s");
    auto run = [&](int discount) {
        Schedule schedule({.cost = 2, .loan = 0, .discount = discount, .minimum = 3}, &feedback);
        auto& to = schedule.destination("x.test", "x.test");
        for (int n = 0; n < 20; ++n) {
            schedule.add(to, entry(big), 0);
        }
        for (int n = 0; n < 4; ++n) {
            schedule.add(to, entry(small), 0);
        }
        return order(schedule);
    };
    CHECK(run(0) == "BBBBBBBBssssBBBBBBBBBBBB");
    CHECK(run(50) == "BBBBssssBBBBBBBBBBBBBBBB");
    CHECK(run(100) == "BssssBBBBBBBBBBBBBBBBBBB");
}

TEST_CASE("qmgr/schedule: a message that has recipients in its file only counts them") {
    auto feedback = windows(1, 1);
    auto big = message("B");
    auto other = message("o");
    other->unread_recipients = 1000;
    Schedule schedule({.cost = 2, .loan = 0, .discount = 0, .minimum = 3}, &feedback);
    auto& to = schedule.destination("x.test", "x.test");
    for (int n = 0; n < 10; ++n) {
        schedule.add(to, entry(big), 0);
    }
    schedule.add(to, entry(other), 0);
    CHECK(order(schedule) == "BBBBBBBBBBo");
}

TEST_CASE("qmgr/schedule: the message that has waited longest for each entry overtakes first") {
    auto feedback = windows(1, 1);
    Schedule schedule({.cost = 2, .loan = 0, .discount = 0, .minimum = 3}, &feedback);
    auto& to = schedule.destination("x.test", "x.test");
    auto big = message("B");
    auto two = message("t");
    auto one = message("o");
    for (int n = 0; n < 20; ++n) {
        schedule.add(to, entry(big), 0);
    }
    schedule.add(to, entry(two), 0);
    schedule.add(to, entry(two), 0);
    schedule.add(to, entry(one), 95);
    // After 2 entries `o` can be paid: 6 s / 1.  `t` would be worth 101 s / 2, once it can be.
    CHECK(order(schedule, 100).substr(0, 9) == "BBoBBBBtt");
}

TEST_CASE("qmgr/schedule: a job takes turns among its destinations") {
    auto feedback = windows(5, 20);
    Schedule schedule(SlotRules{}, &feedback);
    auto mail = message("m");
    for (const char* name : {"a.test", "b.test"}) {
        for (int n = 0; n < 3; ++n) {
            schedule.add(schedule.destination(name, name), entry(mail), 0);
        }
    }
    std::string seen;
    while (auto pick = schedule.pick(0)) {
        seen += pick->destination->name()[0];
        schedule.ended(*pick->destination, pick->entry);
    }
    CHECK(seen == "ababab");
}

TEST_CASE("qmgr/schedule: windows, death and rest hold entries back") {
    auto feedback = windows(2, 2);
    Schedule schedule(SlotRules{}, &feedback);
    auto mail = message("m");
    auto& to = schedule.destination("a.test", "a.test");
    for (int n = 0; n < 5; ++n) {
        schedule.add(to, entry(mail, 3), 0);
    }
    CHECK(schedule.recipients() == 15);
    CHECK(schedule.startable(9) == 2);
    auto first = schedule.pick(0);
    auto second = schedule.pick(0);
    CHECK_FALSE(schedule.pick(0));
    schedule.reached(to, first->entry);
    CHECK(schedule.recipients() == 12);
    schedule.rest(to);
    CHECK_FALSE(schedule.can_start());
    schedule.wake(to);
    CHECK(schedule.can_start());
    CHECK_FALSE(schedule.not_reached(to, second->entry));
    auto third = schedule.pick(0);
    CHECK(schedule.not_reached(to, third->entry));
    schedule.die(to);
    CHECK_FALSE(schedule.can_start());
    CHECK(schedule.take_all(to).size() == 2);
    CHECK(schedule.recipients() == 0);
    CHECK(schedule.job_of(*mail) == nullptr);
    schedule.forget_if_idle(to);
    CHECK(schedule.find("a.test") == &to);
    schedule.revive(to);
    schedule.forget_if_idle(to);
    CHECK(schedule.find("a.test") == nullptr);
}

namespace {

// Many destinations, so many agents, and a clock: what a delivery costs its destination says.
class Simulation {
  public:
    struct Site {
        std::string name;
        double seconds;     // for one delivery
        bool dead = false;  // it fails, after that time
        int wanted = 0;
        int done = 0;
        double last = 0;     // when the last delivery ended
        double longest = 0;  // between two deliveries
    };

    Simulation(std::vector<Site> sites, int agents)
        : sites_(std::move(sites)), agents_(agents), feedback_(windows(5, 20)) {
        for (std::size_t n = 0; n < sites_.size(); ++n) {
            by_name_[sites_[n].name] = n;
        }
    }

    void mail(std::size_t site, int entries) {
        auto of = message(format("m{}", ++messages_));
        auto& to = schedule_.destination(sites_[site].name, sites_[site].name);
        for (int n = 0; n < entries; ++n) {
            schedule_.add(to, entry(of), now_);
        }
        sites_[site].wanted += entries;
    }

    // Until nothing is left.
    void run() {
        start();
        while (!events_.empty()) {
            Event event = events_.top();
            events_.pop();
            now_ = event.when;
            finish(event);
            start();
        }
    }

    double now() const { return now_; }

    const std::vector<Site>& sites() const { return sites_; }

    std::size_t deferred = 0;

  private:
    struct Event {
        double when;
        Destination* destination;
        std::shared_ptr<Entry> entry;  // none: the end of a dead destination's time

        bool operator<(const Event& other) const { return when > other.when; }
    };

    void start() {
        while (busy_ < agents_) {
            auto pick = schedule_.pick(now_);
            if (!pick) {
                break;
            }
            ++busy_;
            Site& site = sites_[by_name_.at(pick->destination->name())];
            events_.push({now_ + site.seconds, pick->destination,
                          std::make_shared<Entry>(std::move(pick->entry))});
        }
    }

    void finish(const Event& event) {
        --busy_;
        Site& site = sites_[by_name_.at(event.destination->name())];
        if (!site.dead) {
            schedule_.reached(*event.destination, *event.entry);
            ++site.done;
            site.longest = std::max(site.longest, now_ - site.last);
            site.last = now_;
            return;
        }
        ++deferred;
        if (schedule_.not_reached(*event.destination, *event.entry) &&
            !event.destination->is_dead()) {
            schedule_.die(*event.destination);
            deferred += schedule_.take_all(*event.destination).size();
        }
    }

    std::vector<Site> sites_;
    std::map<std::string, std::size_t> by_name_;
    int agents_;
    int busy_ = 0;
    int messages_ = 0;
    double now_ = 0;
    FeedbackRules feedback_;
    Schedule schedule_{SlotRules{}, &feedback_};
    std::priority_queue<Event> events_;
};

Simulation::Site site(std::string name, double seconds) {
    Simulation::Site out;
    out.name = std::move(name);
    out.seconds = seconds;
    return out;
}

std::vector<Simulation::Site> fast_sites(int count) {
    std::vector<Simulation::Site> out;
    for (int n = 0; n < count; ++n) {
        out.push_back(site(format("fast{}.test", n), 0.1));
    }
    return out;
}

double end_of_fast(const Simulation& simulation) {
    double end = 0;
    for (const auto& site : simulation.sites()) {
        if (site.name.starts_with("fast")) {
            end = std::max(end, site.last);
        }
    }
    return end;
}

}  // namespace

// 3000 destinations with 100 messages each over 100 agents.  What the dead one costs is compared
// with the same mail without it.
TEST_CASE("qmgr/schedule: a dead destination costs the others less than a hundredth") {
    constexpr int kSites = 3000;
    constexpr int kRounds = 100;  // 300 s, the time that a dead destination is left alone
    auto end = [&](bool with_dead) {
        auto sites = fast_sites(kSites);
        sites.push_back(site("dead.test", 30));
        sites.back().dead = true;
        Simulation simulation(std::move(sites), 100);
        for (int round = 0; round < kRounds; ++round) {
            for (std::size_t n = 0; n < kSites; ++n) {
                simulation.mail(n, 1);
                if (with_dead && n % 30 == 0) {
                    simulation.mail(kSites, 1);
                }
            }
        }
        simulation.run();
        for (const auto& site : simulation.sites()) {
            REQUIRE((site.dead || site.done == site.wanted));
        }
        CHECK(simulation.deferred == (with_dead ? kRounds * 100 : 0));
        return end_of_fast(simulation);
    };
    double without = end(false);
    double with = end(true);
    INFO(format("{} s without, {} s with", without, with));
    CHECK(without == Approx(kSites * kRounds * 0.1 / 100).epsilon(0.01));
    CHECK(with < without * 1.01);
}

TEST_CASE("qmgr/schedule: no destination starves beside slow ones and a large message") {
    constexpr int kSites = 2000;
    auto sites = fast_sites(kSites);
    for (int n = 0; n < 3; ++n) {
        sites.push_back(site(format("slow{}.test", n), 20));
    }
    Simulation simulation(std::move(sites), 100);
    for (std::size_t n = 0; n < 3; ++n) {
        simulation.mail(kSites + n, 400);  // first in line
    }
    for (int round = 0; round < 20; ++round) {
        for (std::size_t n = 0; n < kSites; ++n) {
            simulation.mail(n, 1);
        }
    }
    simulation.run();
    for (const auto& site : simulation.sites()) {
        CHECK(site.done == site.wanted);
    }
    // The slow ones hold 60 agents at the most, their windows being 20 wide.  The others have 40.
    CHECK(end_of_fast(simulation) < kSites * 20 * 0.1 / 40 * 1.01);
    CHECK(simulation.now() >= 400.0 / 20 * 20);
}

TEST_CASE("qmgr/schedule: 20,000 messages for one busy destination stay cheap to choose from") {
    auto feedback = windows(5, 20);
    Schedule schedule(SlotRules{}, &feedback);
    auto& busy = schedule.destination("busy.test", "busy.test");
    std::vector<MessagePtr> mail;
    for (int n = 0; n < 20000; ++n) {
        mail.push_back(message(format("m{}", n)));
        schedule.add(busy, entry(mail.back()), n);
    }
    int picked = 0;
    while (auto pick = schedule.pick(20000)) {
        schedule.reached(*pick->destination, pick->entry);
        ++picked;
    }
    CHECK(picked == 20000);
    CHECK(schedule.recipients() == 0);
}
