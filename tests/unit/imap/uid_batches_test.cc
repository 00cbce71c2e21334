// UIDBATCHES (RFC 10022).
#include "lib/imap/uid_batches.h"

#include <numeric>
#include <vector>

#include "tests/support/catch.h"

using namespace relais::imap;

namespace {

using Uids = std::vector<std::uint32_t>;

std::string batches(std::string_view text, const Uids& uids) {
    Scanner scanner(text);
    auto wanted = parse_uid_batches(scanner);
    return wanted && scanner.at_end() ? format_uid_batches(*wanted, uids) : "bad";
}

}  // namespace

// The mailbox and the answers are those of Cyrus' test: 50 messages, of which eight are gone.
TEST_CASE("imap/uid_batches: ranges of equally many messages, from the newest down") {
    Uids uids;
    for (std::uint32_t uid = 2; uid <= 50; ++uid) {
        const bool gone = (uid >= 14 && uid <= 17) || uid == 41 || uid == 43 || uid == 45;
        if (!gone) {
            uids.push_back(uid);
        }
    }
    CHECK(batches("50", uids) == "50:1");
    CHECK(batches("25", uids) == "50:23,22:1");
    CHECK(batches("10", uids) == "50:38,37:28,27:18,13:4,3:1");
    CHECK(batches("10 1:1", uids) == "50:38");
    CHECK(batches("10 2:3", uids) == "37:28,27:18");
    CHECK(batches("10 5:6", uids) == "3:1");
    CHECK(batches("10 7:7", uids).empty());
    CHECK(batches("10", {}).empty());
    CHECK(batches("50 1:4294967295", uids) == "50:1");
    CHECK(batches("4294967295 4294967295:4294967295", uids).empty());
}

TEST_CASE("imap/uid_batches: every message is in one range") {
    Uids uids(100);
    std::iota(uids.begin(), uids.end(), 1);
    CHECK(batches("50", uids) == "100:51,50:1");
    CHECK(batches("1 100:100", uids) == "1:1");
    CHECK(batches("1 99:99", uids) == "2:2");
}

TEST_CASE("imap/uid_batches: what is no argument") {
    for (const char* text : {"", "X", "0", "-1", "10 6:", "10 6:5", "10 0:1", "10 5:6 X", "10 5",
                             "4294967296", "10 1:4294967296", "10 *:1"}) {
        INFO(text);
        CHECK(batches(text, {1}) == "bad");
    }
}
