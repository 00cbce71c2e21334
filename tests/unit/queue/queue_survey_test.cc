#include "lib/queue/queue_survey.h"

#include <filesystem>
#include <fstream>

#include <stdlib.h>

#include "lib/base/format.h"
#include "lib/event/loop.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

Task<std::vector<std::string>> survey_all(QueueSurvey<std::string>* survey) {
    std::vector<std::string> all;
    for (;;) {
        std::vector<std::string> some = co_await survey->next();
        if (some.empty()) {
            co_return all;
        }
        CHECK(some.size() <= 1000);
        all.insert(all.end(), some.begin(), some.end());
    }
}

}  // namespace

TEST_CASE("queue/queue_survey: every message once, in the order of the directories") {
    std::string folder = "/tmp/queue_survey.XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    for (int i = 0; i < 1300; ++i) {
        std::string hashed = format("{}/{:X}", folder, i % 16);
        std::filesystem::create_directory(hashed);
        std::ofstream(format("{}/{:X}{:05X}F0", hashed, i % 16, i));
    }
    std::ofstream(folder + "/no queue id");

    std::vector<std::string> wanted;
    auto scan = QueueScan::open(folder);
    REQUIRE(scan);
    while (auto entry = scan->next()) {
        if (valid_queue_id(entry->name)) {
            wanted.push_back(entry->path);
        }
    }
    REQUIRE(wanted.size() == 1300);
    auto survey = QueueSurvey<std::string>::open(
        folder, [](const QueueScan::Entry& entry) { return entry.path; });
    REQUIRE(survey);
    CHECK(Loop::current().run_task(survey_all(&*survey)) == wanted);
    std::filesystem::remove_all(folder);
    CHECK_FALSE(QueueSurvey<std::string>::open(folder, {}));
}
