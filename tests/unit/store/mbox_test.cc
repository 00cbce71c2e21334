#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/maildir_name.h"
#include "lib/store/mbox_format.h"
#include "lib/store/mbox_plan.h"
#include "lib/store/mbox_rewrite.h"
#include "lib/store/mbox_scan.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;
namespace fs = std::filesystem;

namespace {

class MboxPlace : public TemporaryDirectory {
  public:
    std::string box() const { return path() + "/box"; }

    std::string plan() const { return path() + "/plan"; }

    void put(const std::string& text) const {
        std::ofstream(box(), std::ios::binary | std::ios::trunc) << text;
    }

    void append(const std::string& text) const {
        std::ofstream(box(), std::ios::binary | std::ios::app) << text;
    }

    std::string get() const { return read_file(box()).value_or("(none)"); }

    UniqueFd open() const { return open_file(box(), O_RDWR).value(); }
};

std::vector<std::string> contents(const std::string& text) {
    MboxPlace place;
    place.put(text);
    UniqueFd fd = place.open();
    std::vector<std::string> found;
    auto done = MboxScan(fd.get(), text.size()).run(0, [&](const MboxSpan& span, const auto&) {
        found.push_back(text.substr(span.head_at(), span.content_end() - span.head_at()));
    });
    REQUIRE(done);
    return found;
}

using Contents = std::vector<std::string>;
const std::string kFrom = "From a@b.test  Mon Nov  6 10:00:00 2023\n";

// Text that tells where each byte has come from.
std::string filler(std::size_t size, char letter) {
    std::string text;
    while (text.size() < size) {
        text += letter + std::to_string(text.size()) + "\n";
    }
    text.resize(size);
    return text;
}

std::string with_edits(std::string text, const std::vector<MboxEdit>& edits) {
    for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
        text.replace(edit->from, edit->to - edit->from, edit->text);
    }
    return text;
}

}  // namespace

TEST_CASE("store/mbox: From_ lines") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    CHECK(parse_from_line("From a@b Mon Nov  6 10:00:00 2023") == 1699264800);
    CHECK(parse_from_line("From a@b Mon Nov 6 10:00 2023\n") == 1699264800);
    CHECK(parse_from_line("From a@b Mon Nov  6 10:00:00 2023 +0200") == 1699264800 - 7200);
    CHECK(parse_from_line("From a@b Mon Nov  6 10:00:00 GMT 2023") == 1699264800);
    CHECK(parse_from_line("From \"a b\" Mon Nov  6 10:00:00 2023") == 1699264800);
    CHECK(parse_from_line("From MAILER-DAEMON  Mon Nov 06 10:00:00 2023") == 1699264800);
    CHECK_FALSE(parse_from_line("From here on Monday"));
    CHECK_FALSE(parse_from_line(">From a@b Mon Nov  6 10:00:00 2023"));
    CHECK_FALSE(parse_from_line("From a@b Mon Nov 32 10:00:00 2023"));
    CHECK_FALSE(parse_from_line("From a@b Mon Foo  6 10:00:00 2023"));
    CHECK(format_from_line("a@b", 1699264800) == "From a@b  Mon Nov  6 10:00:00 2023\n");
}

TEST_CASE("store/mbox: fields with marks") {
    const std::string header =
        "Subject: x\nX-IMAPbase: 77 0000000012 $Junk b\nX-UID: 9   \nStatus: RO\nX-Status: AD\n"
        "X-Keywords: $Junk  b   \nContent-Length: 12\n\n";
    MboxHeader parsed = parse_mbox_header(header);
    CHECK(parsed.marks.uid == 9);
    CHECK(parsed.marks.old);
    CHECK(parsed.marks.system ==
          (MessageFlags::kSeen | MessageFlags::kAnswered | MessageFlags::kDeleted));
    CHECK(parsed.marks.keywords == std::vector<std::string>{"$Junk", "b"});
    CHECK(parsed.base == MboxBase{77, 12, {"$Junk", "b"}, false});
    CHECK(parsed.content_length == 12);
    CHECK(visible_mbox_header(header) == "Subject: x\n\n");
    CHECK(visible_mbox_header("X-UID: 1\n 2\nA: b\n c\n\n") == "A: b\n c\n\n");
    CHECK(parse_mbox_header("X-UID: 4294967295\n\n").marks.uid == 0);
    CHECK(parse_mbox_header("X-IMAPbase: 1 4294967295\n\n").base->uid_validity == 0);

    std::string marked = mark_mbox_header(header, parsed.marks, parsed.base, header.size());
    CHECK(marked.size() == header.size());
    MboxHeader again = parse_mbox_header(marked);
    CHECK(again.base == parsed.base);
    CHECK(again.marks.keywords == parsed.marks.keywords);
    CHECK(mark_mbox_header("A: b\n\n", {5, 0, true, {}}, {}, 0) ==
          "A: b\nX-UID: 5" + std::string(40, ' ') + "\nStatus: O\n\n");
    CHECK(mark_mbox_header("A: b\n", {5, 0, false, {}}, {}, 20) == "A: b\nX-UID: 5      \n");
}

TEST_CASE("store/mbox: where messages end") {
    CHECK(contents("").empty());
    CHECK(contents(kFrom + "A: b\n\ntext\n\n" + kFrom + "C: d\n\n\n") ==
          Contents{"A: b\n\ntext\n", "C: d\n\n"});
    CHECK(contents(kFrom + "A: b\n\ntext") == Contents{"A: b\n\ntext"});
    CHECK(contents(kFrom + "A: b\n\nno empty line\n" + kFrom + "C: d\n\n") ==
          Contents{"A: b\n\nno empty line", "C: d\n"});
    CHECK(contents(kFrom + "A: b\n\nFrom nowhere\n>" + kFrom + "\n") ==
          Contents{"A: b\n\nFrom nowhere\n>" + kFrom});
    CHECK(contents(kFrom + kFrom + kFrom).size() == 3);
    // A length that leads to a From_ line, or to the end, is believed; another is not.
    const std::string inside = "x\n" + kFrom + "y\n";
    auto length = std::to_string(inside.size());
    CHECK(contents(kFrom + "Content-Length: " + length + "\n\n" + inside + "\n").size() == 1);
    CHECK(contents(kFrom + "Content-Length: 3\n\n" + inside + "\n").size() == 2);
    CHECK(contents(kFrom + "Content-Length: 99999\n\n" + inside + "\n").size() == 2);
    MboxPlace place;
    place.put("no mailbox\n");
    UniqueFd fd = place.open();
    CHECK_FALSE(MboxScan(fd.get(), 11).run(0, [](const auto&, const auto&) {}));
}

TEST_CASE("store/mbox: text that is larger than a window") {
    std::string large = kFrom + "A: b\n\n" + filler((std::size_t{3} << 20) + 17, 'x') + "\n\n";
    std::string text = large + large + kFrom + "C: d\n\n\n";
    auto found = contents(text);
    REQUIRE(found.size() == 3);
    CHECK(found[0] == found[1]);
    CHECK(found[2] == "C: d\n\n");
}

TEST_CASE("store/mbox: edits") {
    MboxPlace place;
    const std::string text = filler(30000, 'a');
    for (const std::vector<MboxEdit>& edits : {std::vector<MboxEdit>{{10, 13, "xyz"}},
                                               {{10, 13, ""}},
                                               {{0, 30000, ""}},
                                               {{5, 5, filler(9000, 'n')}, {20000, 20100, "short"}},
                                               {{29999, 30000, "end"}},
                                               {{0, 0, "begin"}},
                                               {{4096, 8192, ""}}}) {
        place.put(text);
        UniqueFd fd = place.open();
        REQUIRE(edit_mbox(fd.get(), place.plan(), edits));
        CHECK(place.get() == with_edits(text, edits));
        CHECK_FALSE(fs::exists(place.plan()));
    }
}

// At each moment: a plan at a stage, and the file as far as it would be then, with somebody's mail
// behind it.
TEST_CASE("store/mbox: a plan that was not carried out") {
    const std::string text = filler(30000, 'a');
    const std::string added = kFrom + "Subject: added meanwhile\n\nx\n\n";
    using Stage = MboxPlanHeader::Stage;
    for (const std::vector<MboxEdit>& edits : {std::vector<MboxEdit>{{100, 9000, ""}},
                                               {{100, 110, ""}},
                                               {{29000, 29500, "x"}},
                                               {{100, 100, filler(9000, 'n')}},
                                               {{5000, 5001, "ab"}},
                                               {{29990, 30000, ""}}}) {
        const std::string wanted = with_edits(text, edits);
        const std::size_t both = std::max(text.size(), wanted.size());
        for (const std::string& more : {std::string(), added}) {
            for (std::size_t copied = edits[0].from; copied <= wanted.size();
                 copied = copied == wanted.size()
                              ? copied + 1
                              : std::min((copied / 4096 + 1) * 4096, wanted.size())) {
                MboxPlace place;
                place.put(text);
                UniqueFd fd = place.open();
                auto plan = MboxPlan::make(fd.get(), place.plan(), edits);
                REQUIRE(plan);
                REQUIRE(plan->set_stage(Stage::kRunning));
                std::string torn = text;
                torn.resize(both, '\0');
                torn.replace(0, copied, wanted, 0, copied);
                place.put(torn);
                place.append(more);
                auto done = finish_mbox_plan(fd.get(), place.plan());
                REQUIRE(done);
                CHECK(*done);
                CHECK(place.get() == wanted + more);
                CHECK_FALSE(fs::exists(place.plan()));
            }
            for (bool cut : {false, true}) {
                MboxPlace place;
                place.put(text);
                UniqueFd fd = place.open();
                auto plan = MboxPlan::make(fd.get(), place.plan(), edits);
                REQUIRE(plan);
                REQUIRE(plan->set_stage(Stage::kCopied));
                place.put(wanted +
                          (cut || wanted.size() > text.size() ? "" : text.substr(wanted.size())) +
                          more);
                REQUIRE(finish_mbox_plan(fd.get(), place.plan()));
                CHECK(place.get() == wanted + more);
            }
            for (bool extended : {false, true}) {
                MboxPlace place;
                place.put(text);
                UniqueFd fd = place.open();
                REQUIRE(MboxPlan::make(fd.get(), place.plan(), edits));
                place.append(std::string(extended && wanted.size() > text.size()
                                             ? wanted.size() - text.size()
                                             : 0,
                                         '\0') +
                             more);
                REQUIRE(finish_mbox_plan(fd.get(), place.plan()));
                CHECK(place.get() == text + more);
            }
        }
    }
}

TEST_CASE("store/mbox: a plan for a file that somebody has changed") {
    MboxPlace place;
    const std::string text = filler(30000, 'a');
    const std::vector<MboxEdit> edits = {{100, 9000, ""}};
    place.put(text);
    UniqueFd fd = place.open();
    auto plan = MboxPlan::make(fd.get(), place.plan(), edits);
    REQUIRE(plan);
    REQUIRE(plan->set_stage(MboxPlanHeader::kRunning));
    const std::string other = filler(30000, 'b');
    place.put(other);
    CHECK(finish_mbox_plan(fd.get(), place.plan()));
    CHECK(place.get() == other);
    CHECK(fs::exists(place.plan() + ".left"));
    std::ofstream(place.plan()) << "rubbish";
    CHECK(finish_mbox_plan(fd.get(), place.plan()));
    CHECK(place.get() == other);
    CHECK_FALSE(fs::exists(place.plan()));
}

// The process dies anywhere in a change; the next one finds all messages.
TEST_CASE("store/mbox: killed while it changes the file") {
    const std::string text = filler(std::size_t{2} << 20, 'a');
    const std::vector<MboxEdit> edits = {{1000, 200000, ""}, {300000, 300000, filler(50, 'n')}};
    const std::string wanted = with_edits(text, edits);
    int unchanged = 0;
    int changed = 0;
    for (int i = 0; i < 40; ++i) {
        MboxPlace place;
        place.put(text);
        pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            UniqueFd fd = place.open();
            ::_exit(edit_mbox(fd.get(), place.plan(), edits) ? 0 : 1);
        }
        ::usleep(static_cast<useconds_t>(i * 400));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        UniqueFd fd = place.open();
        REQUIRE(finish_mbox_plan(fd.get(), place.plan()));
        std::string now = place.get();
        CHECK((now == text || now == wanted));
        (now == text ? unchanged : changed) += 1;
    }
    CHECK(unchanged + changed == 40);
}
