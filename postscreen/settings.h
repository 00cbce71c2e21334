// The parameters of postscreen that need more than an accessor, read once.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "lib/tls/tls_options.h"

#include "postscreen/test_results.h"

namespace relais::postscreen {

// What a failed test leads to.
enum class Action {
    kIgnore,   // nothing; the test is made again the next time
    kEnforce,  // the client talks to us, and its recipients are refused and logged
    kDrop,     // it is cut off at once
};

// A time that is shorter while the server is under stress.
struct StressedTime {
    std::chrono::seconds normal{0}, stressed{0};

    std::chrono::seconds at(bool stress) const { return stress ? stressed : normal; }
};

struct Settings {
    // Ends the process where a value makes no sense.
    Settings();

    TestSet enabled = 0;
    Action denylist = Action::kIgnore;
    std::array<Action, kTestCount> actions{};
    std::chrono::seconds shortest_ttl;  // of all results
    StressedTime greet_wait, command_time;
    int pre_queue_limit, post_queue_limit, per_client_limit;
    TlsLevel tls_level;
    std::string teaser, greeting;  // replies; no teaser: ""
    unsigned discarded_keywords;
    std::string reject_footer, expansion_filter;  // not expanded
    bool respectful;                              // ALLOW and DENY in the log, not the older words

    Action action(Test test) const { return actions[static_cast<std::size_t>(test)]; }
};

}  // namespace relais::postscreen
